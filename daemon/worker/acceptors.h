// Acceptors: the listening sockets of this worker: its own, those of siblings' slots that it serves
// as well, and those that it only empties. Which these are, the supervisor says (control.h).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/worker/acceptor.h"
#include "daemon/worker/service.h"

namespace sockherd::worker {

class Acceptors {
 public:
  explicit Acceptors(Service& service) : service_(service) {}

  // Serves one more socket.
  Result<void> add(Place place, UniqueFd listener);

  // Serves this socket of the place, instead of one that it may serve there already.
  Result<void> take(const Place& place, UniqueFd listener);

  // Serves the place no longer; what waits there stays.
  void drop(const Place& place);

  // Accepts what waits in the queue, without holding up the loop, lets go of the socket and calls
  // on_emptied.
  Result<void> empty(Place place, UniqueFd listener, std::function<void(const Place&)> on_emptied);

  // See Acceptor::publish_load().
  void publish_loads();

  // Accepts what waits in every queue now, and lets go of all sockets.
  void finish();

 private:
  Service& service_;
  std::vector<std::unique_ptr<Acceptor>> serving_;
  std::vector<std::unique_ptr<Acceptor>> emptying_;
};

}  // namespace sockherd::worker
