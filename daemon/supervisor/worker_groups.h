// WorkerGroups: a control group for each worker, where the unit has Delegate=. Its limits (memory,
// weight), what it and all that it has started use, and an end for what it leaves behind.
//
// A group has the number of its worker, so a successor finds it. Limits need controllers that are
// switched on in the delegated group, and from then on no process may be in that group itself: the
// service manager could not start our successor there. So it is done only where it starts us in a
// leaf of our own (DelegateSubgroup=, systemd 254); elsewhere groups have no limits, and that is
// said.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "daemon/base/instant.h"
#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/config/config.h"
#include "daemon/fleet/event.h"
#include "daemon/sys/cgroup.h"

namespace sockherd::supervisor {

class WorkerGroups {
 public:
  // What a worker uses, and all that it has started.
  struct Usage {
    std::optional<uint64_t> memory_bytes;  // where the controller is switched on
    std::optional<uint64_t> cpu_usec;
  };

  // Of this process. Nothing happens where nothing is delegated.
  static WorkerGroups of_this_process();
  explicit WorkerGroups(std::optional<sys::Delegation> delegation);

  // Makes the group of a worker; returns where it enters. Empty where there are no groups; what
  // cannot be had is said, and the worker runs without it.
  UniqueFd create(fleet::WorkerId id, const config::Pool& pool);

  // One of a predecessor.
  void adopt(fleet::WorkerId id);

  // All other groups of workers that are there: those whom they belonged to have ended while nobody
  // looked; as remove(). Returns the highest number among them; 0 = there is none.
  fleet::WorkerId adopt_rest(Instant until);

  // The worker has ended. What it has left behind may finish until then, and is killed in the first
  // sweep() after that. The group goes when it is empty.
  void remove(fleet::WorkerId id, Instant until);
  void sweep(Instant now);

  // Nobody will look after them any more: what ended workers have left behind ends now.
  ~WorkerGroups();
  WorkerGroups(WorkerGroups&&) = default;
  WorkerGroups& operator=(WorkerGroups&&) = delete;

  std::optional<Usage> usage(fleet::WorkerId id) const;

 private:
  std::string path(fleet::WorkerId id) const;
  void enable_controllers();
  void set_limits(const std::string& path, const config::Pool& pool);
  void say_once(const config::Pool& pool, const std::string& error);

  std::optional<sys::Delegation> delegation_;
  std::set<fleet::WorkerId> groups_;
  std::map<fleet::WorkerId, Instant> leaving_;  // until when
  std::set<std::string> said_;                  // pools whose limits cannot be set
  bool has_controllers_ = false;
};

}  // namespace sockherd::supervisor
