// What sockherd-hammer is asked to do: its command line as plain data.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/base/instant.h"
#include "daemon/base/result.h"

namespace sockherd::hammer {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  bool is_loopback4 = false;  // clients may then take any 127.0.0.x as their own address

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

struct Options {
  Address address;
  std::string host;  // value of the Host field
  std::string path = "/";

  // Clients at work at the same time, per mode.
  uint32_t short_clients = 0;
  uint32_t keepalive_clients = 0;
  uint32_t slow_clients = 0;

  Duration duration{0};    // 0 = until SIGTERM or `count`
  uint64_t count = 0;      // requests; 0 = no limit
  double rate = 0;         // new connections a second; 0 = as fast as answers come
  uint32_t requests = 20;  // per keep-alive connection
  Duration think{0};       // longest pause between two requests of a keep-alive connection
  Duration latency{0};     // after which a client learns that the server has closed
  Duration timeout = std::chrono::seconds(5);
  Duration slow_after = std::chrono::seconds(3);
  uint64_t seed = 1;
  uint32_t sources = 200;  // how many of 127.0.0.x the clients use

  // What a right answer is.
  int status = 200;
  std::optional<std::string> body;
  std::optional<std::string> body_prefix;
  std::optional<uint64_t> body_size;

  bool count_bodies = false;  // report how often each different body came
  bool help = false;
};

// Errors name the option and what it wants.
Result<Options> parse_options(int argc, const char* const* argv);

const char* usage();

}  // namespace sockherd::hammer
