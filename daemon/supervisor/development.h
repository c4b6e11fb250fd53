// Development: `sockherd --dev app.so`: one application module, served from a configuration of its
// own, and reloaded whenever its file is written or another one is moved over it.
//
// The supervisor is a child of this process, which watches the file, hands signals on, and starts
// it anew with the next file where the first one could not be served.
#pragma once

#include <cstdint>
#include <string>

namespace sockherd::supervisor {

struct Development {
  std::string module;    // as given
  uint16_t port = 8080;  // of 127.0.0.1
};

// Returns the exit status of the process. Requires: one thread; blocks until SIGTERM or SIGINT.
int run_development(const Development& development);

}  // namespace sockherd::supervisor
