// BindKeeper: gives a program that binds the address of a listener by itself the socket of its slot
// instead (handover = "reuse-port", docs/adr/0016). Whatever else it binds is its own affair.
//
// It answers from the loop, at once: the program stands still until then. A worker has one from
// before its exec to its end, all that it has started included.
#pragma once

#include <systemd/sd-event.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/supervisor/watch.h"
#include "daemon/sys/bind_watch.h"

namespace sockherd::supervisor {

class BindKeeper {
 public:
  struct Offer {
    sys::SocketAddress address;
    int socket = -1;  // borrowed for the moment
    // Whether it waits in accept() belongs to the socket, and so to all who have it: somebody else
    // has it now, who runs the same program and has made it what that wants.
    bool is_in_use = false;
  };
  struct Callbacks {
    std::function<std::vector<Offer>()> offers;  // what its slot has now
    std::function<void(int listener)> watching;  // the program is being watched by this descriptor
    std::function<void()> listening;             // it listens on a socket of ours
    std::function<void(const Error&)> refused;   // it can not be watched, and binds by itself
    std::function<void(const Error&)> missed;    // what it binds could not be seen
  };

  // report: of a child that is to be watched, or its listener where a predecessor has kept that.
  static Result<std::unique_ptr<BindKeeper>> create(sd_event* loop, UniqueFd report,
                                                    Callbacks callbacks);
  static Result<std::unique_ptr<BindKeeper>> adopt(sd_event* loop, UniqueFd listener,
                                                   Callbacks callbacks);

  // How often the program got a socket of ours.
  uint64_t replaced() const { return replaced_; }

 private:
  explicit BindKeeper(Callbacks callbacks) : callbacks_(std::move(callbacks)) {}
  Result<void> watch(sd_event* loop, UniqueFd listener);
  void read_report(sd_event* loop);
  void read_call();
  bool take(const sys::HeldCall& call);
  Result<bool> take_bind(const sys::HeldCall& call);
  Result<bool> take_listen(const sys::HeldCall& call);

  Callbacks callbacks_;
  UniqueFd report_;
  UniqueFd listener_;
  Watch watch_;
  uint64_t replaced_ = 0;
};

}  // namespace sockherd::supervisor
