// Control: the worker's end of its control socket. Does what the supervisor's messages say
// (daemon/contract/message.h) with the listening sockets, and answers when it is done.
//
// A packet that says nothing we know is ignored, and the first one is logged. While the worker
// drains, no listening socket is taken any more and nothing is answered: the supervisor knows why.
// Connections are: it gives them away itself (giver.h), and some may come back.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/contract/message.h"
#include "daemon/sys/packet_socket.h"
#include "daemon/worker/acceptors.h"
#include "daemon/worker/giver.h"
#include "daemon/worker/loop.h"
#include "daemon/worker/service.h"

namespace sockherd::worker {

class Control final : private Watcher {
 public:
  // on_hang_up: nobody holds the other end any more. Called at most once.
  // Errors: a descriptor that is no packet socket.
  static Result<std::unique_ptr<Control>> create(Service& service, Acceptors& acceptors,
                                                 UniqueFd socket, std::function<void()> on_hang_up);

  // Does now what has been said until now.
  void catch_up();

  // Whether something is under way to us, or from us: the worker must not end.
  bool is_busy() const;

 private:
  Control(Service& service, Acceptors& acceptors, UniqueFd socket,
          std::function<void()> on_hang_up);
  void on_ready(Events events) override;
  bool read_packet();
  void hang_up();
  void handle(sys::Packet packet);
  Result<void> obey(const contract::Message& message, UniqueFd fd);
  void adopt(const Place& place, UniqueFd fd);
  void answer(contract::Verb verb, const Place& place);
  void complain(std::string_view why);

  Service& service_;
  Acceptors& acceptors_;
  UniqueFd socket_;
  Watch watch_;
  std::function<void()> on_hang_up_;
  Giver giver_;
  bool has_complained_ = false;
};

}  // namespace sockherd::worker
