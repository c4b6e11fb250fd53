// What users may say about programs that are not ours, and about what stands behind a proxy. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/config/config.h"

namespace sockherd::config {

enum class Handover : uint8_t { ListenFds, ReusePort, PrivatePort };
Handover handover_of(const Pool& pool);

// PATH of the pool's environment; "" where it says none.
std::string path_variable(const Pool& pool);

// What makes a worker ready that has not said READY=1.
struct ReadyRule {
  enum class Kind : uint8_t {
    Seen,     // nothing is said: it listens, where that can be seen; else Alive for a second
    Notify,   // nothing else
    Http,     // a GET of `path` is answered 2xx or 3xx
    Connect,  // a connection is accepted
    Alive,    // it has lived for `time`
  };
  Kind kind = Kind::Seen;
  std::string path;
  Milliseconds time{1000};
};
// Requires: the pool has been checked.
ReadyRule ready_rule(const Pool& pool);

// What is wrong with one entry of `ready`; empty if nothing is.
std::string ready_fault(std::string_view key, std::string_view value);

// What is wrong with one target of `proxy`: "pool:NAME", or an address with a port.
std::string upstream_fault(std::string_view text);

// NAME of "pool:NAME", or nothing.
std::optional<std::string_view> upstream_pool(std::string_view target);

// The number of "SIGTERM" and the others that an option may have; 0 for what is none.
int signal_number(std::string_view name);

// Who stands behind the route: the pool's name, or for addresses a name made of them. Two routes
// with the same key share their counts.
std::string upstream_key(const Route& route);
// Whether such a name stands for addresses.
bool is_key_of_addresses(std::string_view key);

}  // namespace sockherd::config
