#include "daemon/supervisor/worker_groups.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "daemon/base/log.h"
#include "daemon/base/parse.h"
#include "daemon/sys/file.h"

namespace sockherd::supervisor {
namespace {

constexpr std::string_view kPrefix = "worker.";
constexpr fleet::WorkerId kLastId = UINT64_MAX / 2;  // whoever made that name: there is a next one

}  // namespace

WorkerGroups WorkerGroups::of_this_process() {
  const auto text = sys::read_file("/proc/self/cgroup");
  return WorkerGroups(text.ok() ? sys::find_delegation(text.value()) : std::nullopt);
}

WorkerGroups::WorkerGroups(std::optional<sys::Delegation> delegation)
    : delegation_(std::move(delegation)) {
  if (delegation_ && delegation_->is_in_a_leaf) enable_controllers();
}

// Each for itself: a manager may have delegated only some.
void WorkerGroups::enable_controllers() {
  has_controllers_ = true;
  for (const char* controller : {"+memory", "+cpu"}) {
    // What is not there is missed where a limit is to be set.
    [[maybe_unused]] const auto enabled =
        sys::write_cgroup(delegation_->path, "cgroup.subtree_control", controller);
  }
}

std::string WorkerGroups::path(fleet::WorkerId id) const {
  return delegation_->path + "/" + std::string(kPrefix) + std::to_string(id);
}

void WorkerGroups::say_once(const config::Pool& pool, const std::string& error) {
  if (!said_.insert(pool.name).second) return;
  log::warn("limits-not-set", {{"pool", pool.name}, {"error", error}});
}

void WorkerGroups::set_limits(const std::string& path, const config::Pool& pool) {
  const auto set = [&](const char* file, int64_t value) {
    if (value == 0) return;
    const auto written = sys::write_cgroup(path, file, std::to_string(value));
    if (written) return;
    const bool is_missing = written.error().code == ENOENT;
    say_once(pool,
             written.error().what +
                 (is_missing ? "; the control groups of version 2 lack that controller" : ""));
  };
  set("memory.max", pool.memory_max);
  set("cpu.weight", pool.cpu_weight);
}

UniqueFd WorkerGroups::create(fleet::WorkerId id, const config::Pool& pool) {
  const bool has_limits = pool.memory_max != 0 || pool.cpu_weight != 0;
  if (has_limits && !delegation_) {
    say_once(pool, "memory_max and cpu_weight need Delegate=yes and DelegateSubgroup= in the unit");
  } else if (has_limits && !has_controllers_) {
    say_once(pool, "memory_max and cpu_weight need DelegateSubgroup= in the unit (systemd 254)");
  }
  if (!delegation_) return {};
  const std::string group = path(id);
  if (const auto created = sys::create_cgroup(group); !created) {
    say_once(pool, created.error().what);
    return {};
  }
  groups_.insert(id);
  if (has_limits && has_controllers_) set_limits(group, pool);
  auto members = sys::open_cgroup_members(group);
  if (members.ok()) return std::move(members).value();
  say_once(pool, members.error().what);
  return {};
}

void WorkerGroups::adopt(fleet::WorkerId id) {
  if (delegation_ && ::access(path(id).c_str(), F_OK) == 0) groups_.insert(id);
}

fleet::WorkerId WorkerGroups::adopt_rest(Instant until) {
  fleet::WorkerId highest = 0;
  std::error_code error;  // what cannot be read stays as it is
  std::filesystem::directory_iterator entries;
  if (delegation_) entries = std::filesystem::directory_iterator(delegation_->path, error);
  for (; !error && entries != std::filesystem::end(entries); entries.increment(error)) {
    const std::string name = entries->path().filename();
    if (!name.starts_with(kPrefix)) continue;
    const auto id = parse_number<fleet::WorkerId>(std::string_view(name).substr(kPrefix.size()));
    if (!id || *id > kLastId || groups_.contains(*id) || leaving_.contains(*id)) continue;
    leaving_[*id] = until;
    highest = std::max(highest, *id);
  }
  return highest;
}

void WorkerGroups::remove(fleet::WorkerId id, Instant until) {
  if (groups_.erase(id) > 0) leaving_[id] = until;
}

// Who was killed is a member until he has ended, so that is for a later one.
void WorkerGroups::sweep(Instant now) {
  std::erase_if(leaving_, [&](const auto& one) {
    const auto& [id, until] = one;
    if (::rmdir(path(id).c_str()) == 0 || errno == ENOENT) return true;
    // Not there before Linux 5.14: then what is left lives on, as without groups.
    if (now >= until) {
      [[maybe_unused]] const auto killed = sys::write_cgroup(path(id), "cgroup.kill", "1");
    }
    return false;
  });
}

WorkerGroups::~WorkerGroups() {
  sweep(Instant{Duration::max()});
  sweep(Instant{Duration::max()});
}

std::optional<WorkerGroups::Usage> WorkerGroups::usage(fleet::WorkerId id) const {
  if (!groups_.contains(id)) return std::nullopt;
  return Usage{.memory_bytes = sys::read_cgroup(path(id), "memory.current"),
               .cpu_usec = sys::read_cgroup(path(id), "cpu.stat", "usage_usec")};
}

}  // namespace sockherd::supervisor
