#include "tests/support/hammer/options.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "daemon/base/parse.h"

namespace sockherd::hammer {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

Result<Address> unix_address(std::string_view path) {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(un.sun_path)) return Error{0, "path of 1 to 107 bytes"};
  std::copy(path.begin(), path.end(), un.sun_path);
  Address address;
  std::memcpy(&address.storage, &un, sizeof(un));
  address.length = sizeof(un);
  return address;
}

Result<Address> v6_address(const std::string& host, uint16_t port) {
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  if (::inet_pton(AF_INET6, host.c_str(), &in6.sin6_addr) != 1) {
    return Error{0, "no IPv6 address: " + host};
  }
  Address address;
  std::memcpy(&address.storage, &in6, sizeof(in6));
  address.length = sizeof(in6);
  return address;
}

Result<Address> v4_address(const std::string& host, uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &in.sin_addr) != 1) {
    return Error{0, "no IPv4 address: " + host};
  }
  Address address;
  std::memcpy(&address.storage, &in, sizeof(in));
  address.length = sizeof(in);
  address.is_loopback4 = (ntohl(in.sin_addr.s_addr) >> 24) == 127;
  return address;
}

// "127.0.0.1:80", "[::1]:80" or "unix:/path". No names: a hammer must not wait for a resolver.
Result<Address> parse_address(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) return unix_address(text.substr(kUnixPrefix.size()));
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Error{0, "wants HOST:PORT or unix:PATH"};
  const auto port = parse_number<uint16_t>(text.substr(colon + 1));
  if (!port) return Error{0, "no port number"};
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    return v6_address(std::string(host.substr(1, host.size() - 2)), *port);
  }
  return v4_address(std::string(host), *port);
}

template <typename Number>
Result<void> set_number(std::string_view text, Number& target) {
  const auto number = parse_number<Number>(text);
  if (!number) return Error{0, "wants a number"};
  target = *number;
  return {};
}

template <typename Number>
Result<void> set_number(std::string_view text, std::optional<Number>& target) {
  return set_number(text, target.emplace());
}

Result<void> set_milliseconds(std::string_view text, Duration& target) {
  const auto number = parse_number<uint32_t>(text);
  if (!number) return Error{0, "wants milliseconds"};
  target = std::chrono::milliseconds(*number);
  return {};
}

Result<void> set_seconds(std::string_view text, Duration& target) {
  const auto number = parse_number<double>(text);
  if (!number || *number < 0) return Error{0, "wants seconds"};
  target = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(*number));
  return {};
}

Result<void> set_address(std::string_view text, Options& options) {
  options.address = TRY(parse_address(text));
  if (options.host.empty()) options.host = text.starts_with(kUnixPrefix) ? "localhost" : text;
  return {};
}

Result<void> set_option(Options& options, std::string_view name, const char* value) {
  if (name == "--address") return set_address(value, options);
  if (name == "--host") return options.host = value, Result<void>{};
  if (name == "--path") return options.path = value, Result<void>{};
  if (name == "--short") return set_number(value, options.short_clients);
  if (name == "--keepalive") return set_number(value, options.keepalive_clients);
  if (name == "--slow") return set_number(value, options.slow_clients);
  if (name == "--duration") return set_seconds(value, options.duration);
  if (name == "--count") return set_number(value, options.count);
  if (name == "--rate") return set_number(value, options.rate);
  if (name == "--requests") return set_number(value, options.requests);
  if (name == "--think-ms") return set_milliseconds(value, options.think);
  if (name == "--latency-ms") return set_milliseconds(value, options.latency);
  if (name == "--timeout-ms") return set_milliseconds(value, options.timeout);
  if (name == "--slow-after-ms") return set_milliseconds(value, options.slow_after);
  if (name == "--seed") return set_number(value, options.seed);
  if (name == "--sources") return set_number(value, options.sources);
  if (name == "--status") return set_number(value, options.status);
  if (name == "--body") return options.body = value, Result<void>{};
  if (name == "--body-prefix") return options.body_prefix = value, Result<void>{};
  if (name == "--body-size") return set_number(value, options.body_size);
  return Error{0, "unknown option"};
}

Result<void> check(const Options& options) {
  if (options.address.length == 0) return Error{0, "--address is missing"};
  if (options.short_clients + options.keepalive_clients + options.slow_clients == 0) {
    return Error{0, "nothing to do: give --short, --keepalive or --slow a number of clients"};
  }
  if (options.requests == 0) return Error{0, "--requests: wants at least 1"};
  if (options.sources == 0 || options.sources > 254) return Error{0, "--sources: wants 1 to 254"};
  return {};
}

}  // namespace

Result<Options> parse_options(int argc, const char* const* argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help" || name == "-h") {
      options.help = true;
      return options;
    }
    if (name == "--count-bodies") {
      options.count_bodies = true;
      continue;
    }
    if (i + 1 >= argc)
      return Error{0, std::string(name) + ": unknown option, or its value is missing"};
    const Result<void> set = set_option(options, name, argv[++i]);
    if (!set.ok()) return Error(set.error()).in(name);
  }
  TRY(check(options));
  return options;
}

const char* usage() {
  return R"(sockherd-hammer --address ADDRESS --short N|--keepalive N|--slow N [OPTION VALUE]...

Loads an HTTP/1.1 server and counts every outcome exactly. Prints one JSON object at the end, and
one for the state so far at each SIGUSR1. SIGTERM: no new requests, report; a second one: at once.

  --address A        127.0.0.1:80, [::1]:80 or unix:/path
  --host H, --path P Host field and request target (default: the address, /)
  --short N          clients that make a connection per request (Connection: close)
  --keepalive N      clients that make many requests on a connection
  --slow N           clients that send their request 50-300 ms after connecting, in two pieces
  --requests N       requests per keep-alive connection (20)
  --think-ms N       longest pause between requests of a keep-alive connection (0)
  --latency-ms N     after which a client learns that the server has closed an idle connection (0);
                     a request that it writes before that is lost, as on a network
  --duration S       seconds; --count N: requests; neither: until SIGTERM
  --rate R           new connections a second; default: as fast as answers come
  --timeout-ms N     per connect and request (5000); --slow-after-ms N: counted as slow (3000); a SYN
                     that was lost is counted by itself, as syn_resent, however late anybody is
  --status N, --body TEXT, --body-prefix TEXT, --body-size N    what a right answer is (200)
  --count-bodies     report how often each body came
  --sources N        source addresses 127.0.0.1-N, against running out of ports (200)
  --seed N           of the random pauses (1)
)";
}

}  // namespace sockherd::hammer
