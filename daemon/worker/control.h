// Control: the worker's end of its control socket. Reads the supervisor's messages
// (daemon/contract/message.h) in the main thread, and has them done (errands.h): by the loop of
// this thread or, in a worker with several, by the one that a socket belongs to.
//
// A packet that says nothing we know is ignored, and the first one is logged. While the worker
// drains, no listening socket is taken any more and nothing is answered: the supervisor knows why.
// Connections are: it gives them away itself (giver.h), and some may come back.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/contract/message.h"
#include "daemon/io/loop.h"
#include "daemon/sys/packet_socket.h"
#include "daemon/worker/acceptors.h"
#include "daemon/worker/crew.h"
#include "daemon/worker/errands.h"
#include "daemon/worker/service.h"

namespace sockherd::worker {

class Control final : private io::Watcher {
 public:
  struct Calls {
    std::function<void()> on_drain;    // it is told to; never while it drains already
    std::function<void()> on_hang_up;  // nobody holds the other end any more; at most once
  };
  // Errors: a descriptor that is no packet socket.
  static Result<std::unique_ptr<Control>> create(Service& service, Acceptors& acceptors,
                                                 UniqueFd socket, Calls calls);

  // There are other loops as well. lanes: which of all serves a place, 0 being that of this thread.
  // Requires: `crew` ends before this object.
  void share_with(Crew& crew, std::map<Place, size_t> lanes);

  // Open as long as this object lives.
  int socket() const { return socket_.get(); }

  // Does now what has been said until now.
  void catch_up();

  // Whether something is under way to us, or from us: the worker must not end.
  bool is_busy() const;

 private:
  Control(Service& service, Acceptors& acceptors, UniqueFd socket, Calls calls);
  void on_ready(io::Events events) override;
  bool read_packet();
  void hang_up();
  void handle(sys::Packet packet);
  size_t lane_for(const contract::Message& message);

  Service& service_;
  UniqueFd socket_;
  io::Watch watch_;
  Calls calls_;
  Errands errands_;
  bool has_hung_up_ = false;
  Crew* crew_ = nullptr;  // while it lives
  std::map<Place, size_t> lanes_;
  size_t turn_ = 0;  // whose it is to get what nobody has
};

}  // namespace sockherd::worker
