// Target: the URL that load goes to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/result.h"
#include "daemon/sys/address.h"

namespace sockherd::load {

enum class Protocol : uint8_t { Http, WebSocket };

struct Target {
  std::string url;    // as given
  std::string host;   // a name or a number; "" for a Unix socket
  std::string port;   // or its path
  std::string path;   // with the query; "/" at least
  std::string field;  // of the Host field
  bool is_unix = false;

  // "http://HOST[:PORT][/PATH]", "ws://..." for WebSockets, or "unix:/SOCKET[:/PATH]".
  // Errors: https and wss, and whatever is no URL of that protocol.
  static Result<Target> parse(std::string_view url, Protocol protocol);

  // Asks the resolver, and blocks meanwhile.
  Result<sys::SocketAddress> resolve() const;
};

}  // namespace sockherd::load
