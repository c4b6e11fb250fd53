#include "daemon/supervisor/system_bus.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/bus/interface.h"

namespace sockherd::supervisor {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFirstPause = 1s;
constexpr Duration kLongestPause = 60s;
constexpr Duration kPublishAfter = 100ms;
constexpr uint64_t kMostQueued = 512;  // messages that a bus which stands still has not taken

constexpr uint64_t kConst = SD_BUS_VTABLE_PROPERTY_CONST;
constexpr uint64_t kChanges = SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE;

const sd_bus_vtable kPool[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Name", "s", read_property, 0, kConst),
    SD_BUS_PROPERTY("Desired", "t", read_property, 0, kChanges),
    SD_BUS_PROPERTY("Max", "t", read_property, 0, kChanges),
    SD_BUS_PROPERTY("Ready", "t", read_property, 0, kChanges),
    SD_BUS_PROPERTY("Starting", "t", read_property, 0, kChanges),
    SD_BUS_PROPERTY("Draining", "t", read_property, 0, kChanges),
    SD_BUS_PROPERTY("Backoff", "t", read_property, 0, kChanges),
    SD_BUS_PROPERTY("Generation", "t", read_property, 0, kChanges),
    SD_BUS_VTABLE_END,
};

const sd_bus_vtable kWorker[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Pool", "s", read_property, 0, kConst),
    SD_BUS_PROPERTY("Slot", "t", read_property, 0, kConst),
    SD_BUS_PROPERTY("Generation", "t", read_property, 0, kConst),
    SD_BUS_PROPERTY("ProcessId", "x", read_property, 0, kChanges),
    SD_BUS_PROPERTY("State", "s", read_property, 0, kChanges),
    SD_BUS_VTABLE_END,
};

int find_object(sd_bus* /*bus*/, const char* path, const char* interface, void* userdata,
                void** found, sd_bus_error* /*error*/) {
  const BusObject object = describe_object(static_cast<Door*>(userdata)->supervisor, path);
  if (std::strcmp(object.interface, interface) != 0) return 0;
  *found = userdata;
  return 1;
}

// A list of strings for sd-bus to free.
int enumerate(sd_bus* /*bus*/, const char* /*prefix*/, void* userdata, char*** nodes,
              sd_bus_error* /*error*/) {
  const BusObjects objects = describe_objects(static_cast<Door*>(userdata)->supervisor);
  auto** list = static_cast<char**>(std::calloc(objects.size() + 1, sizeof(char*)));
  if (list == nullptr) return -ENOMEM;
  size_t count = 0;
  for (const auto& [path, object] : objects) {
    if (path != bus::kObject) list[count++] = ::strdup(path.c_str());
  }
  *nodes = list;
  return 0;
}

Result<void> checked(const char* call, int answer) {
  if (answer < 0) return errno_error(call, -answer);
  return {};
}

// What sd-bus wants of a list of names.
std::vector<char*> pointers(std::vector<std::string>& names) {
  std::vector<char*> list;
  for (std::string& name : names) list.push_back(name.data());
  list.push_back(nullptr);
  return list;
}

// Whoever starts us by hand, or for a test, does not mean the bus of the machine.
bool is_service() {
  return std::getenv("INVOCATION_ID") != nullptr ||
         std::getenv("DBUS_SYSTEM_BUS_ADDRESS") != nullptr;
}

}  // namespace

Result<std::unique_ptr<SystemBus>> SystemBus::create(sd_event* loop, Supervisor& supervisor) {
  std::unique_ptr<SystemBus> made(new SystemBus(loop, supervisor));
  SystemBus* self = made.get();
  self->timer_ = TRY(Watch::timer(loop, [self] { self->on_time(); }));
  self->publisher_ = TRY(Watch::timer(loop, [self] {
    self->is_touched_ = false;
    self->publish();
  }));
  return made;
}

SystemBus::~SystemBus() {
  leave();
}

void SystemBus::want(bool is_wanted) {
  is_wanted_ = is_wanted && is_service();
  pause_ = kFirstPause;
  timer_.arm(monotonic_now());
}

void SystemBus::on_time() {
  if (!is_wanted_) return leave();
  if (bus_) return;
  if (auto joined = join(); !joined) fail(joined.error().what);
}

Result<void> SystemBus::join() {
  sd_bus* raw = nullptr;
  TRY(checked("sd_bus_open_system", ::sd_bus_open_system(&raw)));
  bus_.reset(raw);
  authority_.emplace(raw, supervisor_);
  door_.emplace(Door{supervisor_, [this](sd_bus_message* call, Wish wish, Deed deed) {
                       return authority_->ask(call, std::move(wish), std::move(deed));
                     }});
  TRY(add_objects());
  TRY(checked(
      "sd_bus_match_signal",
      ::sd_bus_match_signal(raw, nullptr, nullptr, "/org/freedesktop/DBus/Local",
                            "org.freedesktop.DBus.Local", "Disconnected", on_disconnect, this)));
  // Else the end of the loop waits for a bus that stands still.
  TRY(checked("sd_bus_set_close_on_exit", ::sd_bus_set_close_on_exit(raw, 0)));
  TRY(checked("sd_bus_attach_event", ::sd_bus_attach_event(raw, loop_, SD_EVENT_PRIORITY_IDLE)));
  return checked("sd_bus_request_name",
                 ::sd_bus_request_name_async(raw, nullptr, bus::kName, 0, on_name, this));
}

Result<void> SystemBus::add_objects() {
  sd_bus* bus = bus_.get();
  Door* door = &*door_;
  TRY(checked("add the service",
              ::sd_bus_add_object_vtable(bus, nullptr, bus::kObject, bus::kInterface,
                                         control_methods(), door)));
  TRY(checked("add pools",
              ::sd_bus_add_fallback_vtable(bus, nullptr, bus::kPoolObjects, bus::kPoolInterface,
                                           kPool, find_object, door)));
  TRY(checked("add workers",
              ::sd_bus_add_fallback_vtable(bus, nullptr, bus::kWorkerObjects, bus::kWorkerInterface,
                                           kWorker, find_object, door)));
  TRY(checked("add their list",
              ::sd_bus_add_node_enumerator(bus, nullptr, bus::kObject, enumerate, door)));
  return checked("add the manager", ::sd_bus_add_object_manager(bus, nullptr, bus::kObject));
}

int SystemBus::on_name(sd_bus_message* reply, void* userdata, sd_bus_error* /*error*/) {
  SystemBus& self = *static_cast<SystemBus*>(userdata);
  constexpr uint32_t kOwner = 1;         // DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER
  constexpr uint32_t kAlreadyOwner = 4;  // DBUS_REQUEST_NAME_REPLY_ALREADY_OWNER
  uint32_t answer = 0;
  if (const sd_bus_error* error = ::sd_bus_message_get_error(reply)) {
    self.fail(error->message != nullptr ? error->message : error->name);
  } else if (::sd_bus_message_read(reply, "u", &answer) < 0 ||
             (answer != kOwner && answer != kAlreadyOwner)) {
    self.fail(std::string(bus::kName) +
              " is another service's; daemon.system_bus = false in all "
              "instances but one");
  } else {
    self.is_joined_ = true;
    self.has_said_ = false;
    self.pause_ = kFirstPause;
    self.published_ = describe_objects(self.supervisor_);
    log::info("bus-joined", {{"name", bus::kName}});
  }
  return 0;
}

int SystemBus::on_disconnect(sd_bus_message* /*message*/, void* userdata, sd_bus_error* /*error*/) {
  static_cast<SystemBus*>(userdata)->fail("it has hung up");
  return 0;
}

void SystemBus::fail(const std::string& why) {
  leave();
  timer_.arm(monotonic_now() + pause_);
  pause_ = std::min(pause_ * 2, kLongestPause);
  if (!std::exchange(has_said_, true)) log::notice("bus-unavailable", {{"why", why}});
}

void SystemBus::leave() {
  is_joined_ = false;
  published_.clear();
  // What it was asked about is asked in vain: the callers are gone with the bus.
  authority_.reset();
  bus_.reset();
  door_.reset();
}

void SystemBus::touch() {
  if (!is_joined_ || std::exchange(is_touched_, true)) return;
  publisher_.arm(monotonic_now() + kPublishAfter);
}

void SystemBus::publish() {
  uint64_t queued = 0;
  if (!is_joined_ || ::sd_bus_get_n_queued_write(bus_.get(), &queued) < 0) return;
  if (queued > kMostQueued) return touch();  // later, and then what is so by then
  BusObjects now = describe_objects(supervisor_);
  BusChanges changes = compare(published_, now);
  // A signal that cannot be sent is lost with its connection, which we are told of.
  const auto interfaces = [](const char* interface) {
    return std::array<char*, 2>{const_cast<char*>(interface), nullptr};
  };
  for (const std::string& path : changes.removed) {
    auto gone = interfaces(published_.at(path).interface);
    ::sd_bus_emit_interfaces_removed_strv(bus_.get(), path.c_str(), gone.data());
  }
  for (const std::string& path : changes.added) {
    auto come = interfaces(now.at(path).interface);
    ::sd_bus_emit_interfaces_added_strv(bus_.get(), path.c_str(), come.data());
  }
  for (auto& [path, names] : changes.changed) {
    ::sd_bus_emit_properties_changed_strv(bus_.get(), path.c_str(), now.at(path).interface,
                                          pointers(names).data());
  }
  published_ = std::move(now);
}

}  // namespace sockherd::supervisor
