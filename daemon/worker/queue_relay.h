// QueueRelay: takes what waits in the queue of a slot whose program is gone, and passes its bytes
// on to the address of the listener, whence the kernel's steering brings them to the program's
// siblings. It understands nothing of what it passes, so any protocol will do; the siblings see us
// as their client.
//
//   sockherd-worker --relay ADDRESS     the listening socket at descriptor 3;
//                                       a byte into descriptor 4 for each connection
//
// An errand of the supervisor (supervisor/queue_relays.h). It ends when nothing waits any more and
// all that it has begun is through. A slot that has been steered away from gets nothing new.
#pragma once

#include <list>
#include <memory>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/io/loop.h"
#include "daemon/sys/address.h"
#include "daemon/worker/relayed_connection.h"

namespace sockherd::worker {

class QueueRelay final : public io::Watcher {
 public:
  // counter: may be -1.
  static Result<std::unique_ptr<QueueRelay>> create(UniqueFd listener, sys::SocketAddress to,
                                                    UniqueFd counter);
  ~QueueRelay();

  void run();

 private:
  QueueRelay(UniqueFd listener, const sys::SocketAddress& to, UniqueFd counter);

  void on_ready(io::Events events) override;
  void take_all();
  bool has_waiting() const;
  UniqueFd connect() const;
  bool is_relieved() const;

  UniqueFd listener_;
  sys::SocketAddress to_;
  UniqueFd counter_;
  std::unique_ptr<io::Loop> loop_;
  io::Watch watch_;
  std::list<RelayedConnection> pairs_;
};

}  // namespace sockherd::worker
