#include "daemon/supervisor/bus_objects.h"

#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "daemon/base/parse.h"
#include "daemon/base/version.h"
#include "daemon/bus/interface.h"
#include "daemon/supervisor/control_methods.h"
#include "daemon/supervisor/report.h"
#include "daemon/supervisor/supervisor.h"

namespace sockherd::supervisor {
namespace {

// Properties have the names of the keys in bus/interface.h, in the manner of D-Bus.
struct Property {
  const char* name;
  const char* key;
};
constexpr Property kServiceProperties[] = {
    {"Version", "version"},       {"ProcessId", "pid"},
    {"State", "state"},           {"Ready", "ready"},
    {"Generation", "generation"}, {"ConfigFile", "config_file"},
    {"Rollout", "rollout"},       {"LastReloadOk", "last_reload_ok"}};
constexpr Property kPoolProperties[] = {{"Name", "name"},         {"Desired", "desired"},
                                        {"Max", "max"},           {"Ready", "ready"},
                                        {"Starting", "starting"}, {"Draining", "draining"},
                                        {"Backoff", "backoff"},   {"Generation", "generation"}};
constexpr Property kWorkerProperties[] = {{"Pool", "pool"},
                                          {"Slot", "slot"},
                                          {"Generation", "generation"},
                                          {"ProcessId", "pid"},
                                          {"State", "state"}};

template <size_t N>
bus::Dictionary choose(const Property (&properties)[N], const bus::Dictionary& from) {
  bus::Dictionary chosen;
  for (const Property& property : properties) {
    if (const bus::Value* value = from.find(property.key)) chosen.set(property.name, *value);
  }
  return chosen;
}

std::string pool_path(const std::string& name) {
  char* encoded = nullptr;
  if (::sd_bus_path_encode(bus::kPoolObjects, name.c_str(), &encoded) < 0) return "";
  const std::unique_ptr<char, decltype(&std::free)> owner(encoded, std::free);
  return encoded;
}

std::string worker_path(fleet::WorkerId id) {
  return std::string(bus::kWorkerObjects) + "/" + std::to_string(id);
}

BusObject service_object(const Supervisor& supervisor) {
  return {bus::kInterface, choose(kServiceProperties, report_status(supervisor))};
}

BusObject worker_object(const Supervisor& supervisor, const fleet::Worker& worker) {
  return {bus::kWorkerInterface, choose(kWorkerProperties, report_identity(supervisor, worker))};
}

}  // namespace

BusObjects describe_objects(const Supervisor& supervisor) {
  BusObjects objects;
  objects[bus::kObject] = service_object(supervisor);
  for (const bus::Dictionary& pool : report_pools(supervisor)) {
    objects[pool_path(pool.text("name"))] = {bus::kPoolInterface, choose(kPoolProperties, pool)};
  }
  for (const auto& [id, worker] : supervisor.fleet().workers()) {
    objects[worker_path(id)] = worker_object(supervisor, worker);
  }
  return objects;
}

BusObject describe_object(const Supervisor& supervisor, const std::string& path) {
  const std::string workers = std::string(bus::kWorkerObjects) + "/";
  if (path == bus::kObject) return service_object(supervisor);
  if (path.starts_with(workers)) {
    const auto id = parse_number<fleet::WorkerId>(path.substr(workers.size()));
    const fleet::Worker* worker = id ? supervisor.fleet().find_worker(*id) : nullptr;
    return worker == nullptr ? BusObject{} : worker_object(supervisor, *worker);
  }
  for (const bus::Dictionary& pool : report_pools(supervisor)) {
    if (pool_path(pool.text("name")) == path) {
      return {bus::kPoolInterface, choose(kPoolProperties, pool)};
    }
  }
  return {};
}

int read_property(sd_bus* /*bus*/, const char* path, const char* /*interface*/,
                  const char* property, sd_bus_message* reply, void* userdata,
                  sd_bus_error* /*error*/) {
  const BusObject object = describe_object(static_cast<Door*>(userdata)->supervisor, path);
  const bus::Value* value = object.properties.find(property);
  if (value == nullptr) return -ENOENT;
  return bus::append(reply, *value).ok() ? 0 : -EINVAL;
}

BusChanges compare(const BusObjects& before, const BusObjects& now) {
  BusChanges changes;
  for (const auto& [path, object] : before) {
    if (!now.contains(path)) changes.removed.push_back(path);
  }
  for (const auto& [path, object] : now) {
    const auto known = before.find(path);
    if (known == before.end()) {
      changes.added.push_back(path);
      continue;
    }
    for (const auto& [name, value] : object.properties.entries()) {
      const bus::Value* was = known->second.properties.find(name);
      if (was == nullptr || *was != value) changes.changed[path].push_back(name);
    }
  }
  return changes;
}

}  // namespace sockherd::supervisor
