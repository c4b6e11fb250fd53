// Control: the worker's end of its control socket. Does what the supervisor's messages say
// (daemon/contract/message.h) with the listening sockets, and answers when it is done.
//
// A packet that says nothing we know is ignored, and the first one is logged. While the worker
// drains, no socket is taken any more and nothing is answered: the supervisor knows why.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/contract/message.h"
#include "daemon/sys/packet_socket.h"
#include "daemon/worker/acceptors.h"
#include "daemon/worker/loop.h"
#include "daemon/worker/service.h"

namespace sockherd::worker {

class Control final : private Watcher {
 public:
  // on_hang_up: nobody holds the other end any more. Called at most once.
  // Errors: a descriptor that is no packet socket.
  static Result<std::unique_ptr<Control>> create(Service& service, Acceptors& acceptors,
                                                 UniqueFd socket, std::function<void()> on_hang_up);

 private:
  Control(Service& service, Acceptors& acceptors, UniqueFd socket,
          std::function<void()> on_hang_up);
  void on_ready(Events events) override;
  void hang_up();
  void handle(sys::Packet packet);
  Result<void> obey(const contract::Message& message, UniqueFd fd);
  void answer(contract::Verb verb, const Place& place);
  void complain(std::string_view why);

  Service& service_;
  Acceptors& acceptors_;
  UniqueFd socket_;
  Watch watch_;
  std::function<void()> on_hang_up_;
  bool has_complained_ = false;
};

}  // namespace sockherd::worker
