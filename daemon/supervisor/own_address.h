// OwnAddresses: what workers of pools with handover = "private-port" bind: a free port of
// 127.0.0.1, or a Unix socket in the runtime directory where the command line or the environment
// says {socket}.
#pragma once

#include <string>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/config/config.h"
#include "daemon/fleet/spec.h"
#include "daemon/sys/address.h"
#include "daemon/sys/free_port.h"

namespace sockherd::supervisor {

// Of one worker, for as long as it lives.
struct OwnAddress {
  sys::SocketAddress address;
  UniqueFd claim;  // to its port

  std::string port() const;    // "" for a Unix socket
  std::string socket() const;  // "" for a port
};

class OwnAddresses {
 public:
  explicit OwnAddresses(std::string runtime_directory) : directory_(std::move(runtime_directory)) {}

  // An address that nobody has, for a worker that is to be started. A Unix socket has a directory
  // of its own, which the program's user may write to.
  Result<OwnAddress> create(const config::Pool& pool, fleet::WorkerId id);

  // That of a worker that lives already. Errors: it is no address.
  static Result<OwnAddress> adopt(const std::string& text);

  // Its worker has ended: what it has left in the runtime directory is removed.
  static void remove(const OwnAddress& own);
  // The same of one of a predecessor, of which nothing else is known.
  void remove(fleet::WorkerId id) const;

 private:
  Result<OwnAddress> create_socket(fleet::WorkerId id) const;
  std::string directory_of(fleet::WorkerId id) const;

  std::string directory_;
  sys::FreePorts ports_;
};

}  // namespace sockherd::supervisor
