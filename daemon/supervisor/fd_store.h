// FdStore: the descriptors that systemd keeps for us while we are not there (sd_notify(3),
// FDSTORE=1). What has a name here survives a restart, a crash and a kill -9 of this process, and
// comes back by that name; the order means nothing (it is reversed by each daemon-reexec,
// measured).
//
// One descriptor a message: two in one would share a name. Messages are queued in order and read
// before our death is noticed, so a READY=1 or an exit after them needs no waiting.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sockherd::supervisor {

// What is kept. The number is a slot, or the id of a worker; the name that of a listener or pool.
enum class Kept : uint8_t {
  Slot,          // sockherd.slot.NUMBER.NAME     a listening socket
  Worker,        // sockherd.worker.NUMBER        pidfd
  Control,       // sockherd.control.NUMBER       our end of the control socket
  Notify,        // sockherd.notify.NUMBER        its NOTIFY_SOCKET
  Output,        // sockherd.output.NUMBER        our end of the pipe that it writes to
  Statistics,    // sockherd.stats.NAME           a pool's segment
  Config,        // sockherd.config.NUMBER        the configuration in force, by generation
  Balance,       // sockherd.bpf.NUMBER.NAME      a listener's eBPF table
  Bus,           // sockherd.bus.NAME             a pool's memory file of the bus
  Bell,          // sockherd.bell.NAME            the bell to it
  Binds,         // sockherd.binds.NUMBER       the bind watch of a worker
  Upstream,      // sockherd.upstream.NAME      who stands behind a proxy route, by its key
  UpstreamBell,  // sockherd.upbell.NAME        the bell to it
};

struct KeptName {
  Kept kind = Kept::Slot;
  uint64_t number = 0;
  std::string name;

  std::string text() const;
  // Nothing for a name that is not ours.
  static std::optional<KeptName> parse(std::string_view text);
};

inline KeptName slot_name(const std::string& listener, uint64_t slot) {
  return {Kept::Slot, slot, listener};
}

class FdStore {
 public:
  // No effect without a service manager. A manager that keeps nothing, or has no room left, does
  // not tell; what is lost by it is made anew after a restart.
  void keep(const KeptName& name, int fd);
  void forget(const KeptName& name);
  void forget(const std::string& name);  // whatever it is

  // How often systemd could not be asked.
  uint64_t failures() const { return failures_; }

 private:
  uint64_t failures_ = 0;
};

}  // namespace sockherd::supervisor
