#include "daemon/worker/launch.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "daemon/base/bounds.h"
#include "daemon/base/parse.h"
#include "daemon/base/version.h"
#include "daemon/config/commands.h"
#include "daemon/config/load.h"
#include "daemon/contract/lane.h"
#include "daemon/contract/names.h"
#include "daemon/stats/segment.h"
#include "daemon/sys/activation.h"
#include "daemon/sys/address.h"
#include "daemon/sys/resources.h"

namespace sockherd::worker {
namespace {

constexpr std::string_view kHelp =
    "usage: sockherd-worker [--set KEY=VALUE]...\n"
    "\n"
    "The built-in HTTP engine of sockherd, started by sockherd once for each slot.\n"
    "\n"
    "  --set KEY=VALUE  override an option, such as pool.web.header_timeout=5s\n"
    "  -h, --help       show this help\n"
    "      --version    show the version\n"
    "\n"
    "Descriptors (LISTEN_FDS, LISTEN_FDNAMES; sd_listen_fds(3)):\n"
    "  sockherd.config  a memory file with the configuration, TOML\n"
    "  sockherd.stats   the statistics segment of the pool (optional)\n"
    "  sockherd.bus, sockherd.bell\n"
    "                   memory and bell by which the workers of the pool hear each\n"
    "                   other's rooms (optional)\n"
    "  sockherd.control the control socket (optional): further sockets to serve; its\n"
    "                   hang-up is as SIGTERM\n"
    "  sockherd.load.L  where to count the load of listener L (optional)\n"
    "  sockherd.upstream.K, sockherd.upbell.K\n"
    "                   who stands behind proxy routes with key K, and the bell\n"
    "                   of those who wait (optional for fixed addresses)\n"
    "  sockherd.lane.T.N.L\n"
    "                   a socket of listener L for thread T; N is its number\n"
    "  any other name   a listening socket\n"
    "\n"
    "Environment:\n"
    "  SOCKHERD_POOL    the pool to serve\n"
    "  SOCKHERD_SLOT, SOCKHERD_GENERATION, SOCKHERD_SEAT\n"
    "                   numbers that the supervisor gives, 0 by default\n"
    "  SOCKHERD_THREADS how many threads; by default the configuration says it\n"
    "  NOTIFY_SOCKET    where to say READY=1 and STOPPING=1\n"
    "\n"
    "Signals: SIGTERM drains and ends; a second one, or SIGINT, ends at once. SIGUSR1\n"
    "opens the access log anew.\n"
    "Exit status: 0 drained, 1 failure, 2 usage or environment, 6 configuration.\n";

Error usage(std::string_view what) {
  return {kExitUsage, std::string(what) + "; see sockherd-worker --help"};
}

// In this file an Error's code is the exit status.
Result<std::vector<config::Override>> parse_overrides(std::span<char* const> arguments) {
  std::vector<config::Override> overrides;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (argument == "--set") {
      if (++i == arguments.size()) return usage("--set needs KEY=VALUE");
      argument = arguments[i];
    } else if (argument.starts_with("--set=")) {
      argument.remove_prefix(std::string_view("--set=").size());
    } else {
      return usage("unknown argument \"" + std::string(argument) + "\"");
    }
    const size_t equals = argument.find('=');
    if (equals == std::string_view::npos) return usage("--set needs KEY=VALUE");
    overrides.push_back({.source = "--set",
                         .key = std::string(argument.substr(0, equals)),
                         .value = std::string(argument.substr(equals + 1))});
  }
  return overrides;
}

Result<uint32_t> number_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return uint32_t{0};
  const auto number = parse_number<uint32_t>(text);
  if (!number) return usage(std::string(name) + "=" + text + " is not a number");
  return *number;
}

Result<Identity> identity_from_environment() {
  const char* pool = std::getenv(contract::kPoolVariable);
  if (pool == nullptr || *pool == '\0')
    return usage(std::string(contract::kPoolVariable) + " is not set");
  Identity identity;
  identity.pool = pool;
  identity.slot = TRY(number_from_environment(contract::kSlotVariable));
  identity.generation = TRY(number_from_environment(contract::kGenerationVariable));
  identity.pid = ::getpid();
  return identity;
}

// Takes the descriptor of that name out of `passed`; an empty one if there is none.
UniqueFd take(std::vector<sys::PassedFd>& passed, std::string_view name) {
  for (auto it = passed.begin(); it != passed.end(); ++it) {
    if (it->name != name) continue;
    UniqueFd fd = std::move(it->fd);
    passed.erase(it);
    return fd;
  }
  return {};
}

// "sockherd.toml:7:14: pool.web.access_log = \"/var/log/x\"".
std::string describe_setting(const config::Loaded& loaded, const std::string& path) {
  for (const config::Setting& setting : loaded.settings) {
    if (setting.path == path) return setting.origin + ": " + path + " = " + setting.value;
  }
  return path;
}

// By key, of all proxy routes of the pool.
Result<std::map<std::string, UpstreamSettings>> settings_of_upstreams(const config::Config& config,
                                                                      const config::Pool& pool) {
  std::map<std::string, UpstreamSettings> settings;
  for (const config::Route& route : pool.routes) {
    if (route.proxy.empty()) continue;
    const auto name = config::upstream_pool(route.proxy.front());
    const config::Pool* asked = name ? config.find_pool(*name) : &pool;
    if (asked == nullptr) {
      return Error{kExitConfiguration, "sockherd.toml has no pool \"" + std::string(*name) + "\""};
    }
    settings.emplace(config::upstream_key(route), UpstreamSettings::of(*asked));
  }
  return settings;
}

Result<void> load_pool(int fd, const std::vector<config::Override>& overrides, Launch& launch) {
  const std::string& name = launch.identity.pool;
  Result<std::string> text = sys::read_memory_file(fd);
  if (!text.ok()) return Error{kExitUsage, "read sockherd.config: " + text.error().what};
  config::Loaded loaded = config::load(*text, "sockherd.toml", overrides);
  if (!loaded.config) {
    std::string faults;
    for (const config::Fault& fault : loaded.faults) {
      if (!faults.empty()) faults += "; ";
      faults += fault.text();
    }
    return Error{kExitConfiguration, faults};
  }
  const config::Pool* pool = loaded.config->find_pool(name);
  if (pool == nullptr) {
    return Error{kExitConfiguration, "sockherd.toml has no pool \"" + name + "\" (SOCKHERD_POOL)"};
  }
  if (pool->routes.empty()) {
    return Error{kExitConfiguration, "pool." + name + " has no routes for the built-in engine"};
  }
  launch.pool = *pool;
  launch.upstreams = TRY(settings_of_upstreams(*loaded.config, *pool));
  launch.access_log_option = describe_setting(loaded, "pool." + name + ".access_log");
  return {};
}

// Sets identity.threads: the supervisor has resolved what "auto" is.
Result<void> count_threads(const config::Pool& pool, Identity& identity) {
  identity.threads = pool.threads_auto ? std::min(sys::usable_cpus(), kMostThreads)
                                       : static_cast<uint32_t>(pool.threads);
  if (std::getenv(contract::kThreadsVariable) != nullptr) {
    identity.threads = TRY(number_from_environment(contract::kThreadsVariable));
  }
  if (identity.threads == 0 || identity.threads > kMostThreads) {
    return usage(std::string(contract::kThreadsVariable) + " must be 1 to " +
                 std::to_string(kMostThreads));
  }
  return {};
}

// "5", or "5,6,9" where there are several threads.
Result<std::vector<uint32_t>> parse_seats() {
  const char* text = std::getenv(contract::kSeatVariable);
  std::vector<uint32_t> seats;
  for (std::string_view rest = text == nullptr ? "0" : text;;) {
    const auto seat = parse_number<uint32_t>(rest.substr(0, rest.find(',')));
    if (!seat) return usage(std::string(contract::kSeatVariable) + "=" + text + " is not a number");
    seats.push_back(*seat);
    if (rest.find(',') == std::string_view::npos) return seats;
    rest.remove_prefix(rest.find(',') + 1);
  }
}

// One for each of the threads.
Result<std::vector<uint32_t>> seats_from_environment(size_t threads) {
  std::vector<uint32_t> seats = TRY(parse_seats());
  if (seats.size() == threads) return seats;
  return usage(std::string(contract::kSeatVariable) + " has " + std::to_string(seats.size()) +
               " seats for " + std::to_string(threads) + " threads");
}

Result<CounterPage> open_page(int fd, uint32_t seat) {
  Result<sys::Mapping> mapping = sys::Mapping::create(fd, sys::Access::ReadWrite);
  if (!mapping.ok()) return Error{kExitUsage, "map sockherd.stats: " + mapping.error().what};
  Result<stats::Segment> segment = stats::Segment::attach(mapping->bytes());
  if (!segment.ok()) return Error{kExitUsage, "sockherd.stats: " + segment.error().what};
  if (seat >= segment->seats()) {
    return usage("SOCKHERD_SEAT=" + std::to_string(seat) + " is not in sockherd.stats");
  }
  stats::Page& page = segment->seat(seat);
  return CounterPage(std::move(mapping).value(), page);
}

// A page for each thread; one of its own for each where there is no segment.
Result<void> open_statistics(UniqueFd fd, Launch& launch) {
  std::vector<Launch::Part>& parts = launch.parts;
  if (!fd) return {};
  const std::vector<uint32_t> seats = TRY(seats_from_environment(parts.size()));
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i].statistics = TRY(open_page(fd.get(), seats[i]));
  }
  if (!launch.pool.access_log.empty()) {
    launch.access_log_statistics = TRY(open_page(fd.get(), seats[0]));
  }
  return {};
}

Result<UniqueFd> copy_of(const UniqueFd& fd) {
  UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy) return Error{kExitUsage, errno_error("F_DUPFD_CLOEXEC").what};
  return copy;
}

// Without it, rooms end at each thread.
Result<void> open_bus(const UniqueFd& file, const UniqueFd& bell,
                      std::vector<Launch::Part>& parts) {
  if (!file && !bell) return {};
  if (!file || !bell) return usage("sockherd.bus and sockherd.bell go together");
  const std::vector<uint32_t> seats = TRY(seats_from_environment(parts.size()));
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i].bus.file = TRY(copy_of(file));
    parts[i].bus.bell = TRY(copy_of(bell));
    parts[i].bus.seat = seats[i];
  }
  return {};
}

constexpr std::string_view kLoadPrefix = contract::kLoadFdPrefix;

// Takes every table of loads out of `passed`: a mapping for each thread.
Result<void> open_loads(std::vector<sys::PassedFd>& passed, std::vector<Launch::Part>& parts) {
  for (const sys::PassedFd& each : passed) {
    if (!each.name.starts_with(kLoadPrefix)) continue;
    for (Launch::Part& part : parts) {
      Result<sys::LoadTable> table = sys::LoadTable::map(each.fd.get());
      if (!table.ok()) return Error{kExitUsage, each.name + ": " + table.error().what};
      part.loads[each.name.substr(kLoadPrefix.size())] = std::move(table).value();
    }
  }
  std::erase_if(passed, [](const auto& each) { return each.name.starts_with(kLoadPrefix); });
  return {};
}

// What no supervisor has made: memory for the addresses of a route, which are always there.
Result<UniqueFd> make_upstreams(const config::Route& route) {
  UniqueFd file = TRY(sys::create_memory_file("sockherd.upstream", contract::UpstreamFile::kBytes));
  const sys::Mapping memory = TRY(sys::Mapping::create(file.get(), sys::Access::ReadWrite));
  contract::UpstreamFile upstreams = contract::UpstreamFile::format(memory.bytes());
  for (uint32_t slot = 0; slot < route.proxy.size(); ++slot) {
    const auto address = TRY(sys::SocketAddress::parse(route.proxy[slot]));
    const std::string_view bytes(reinterpret_cast<const char*>(address.get()), address.size());
    if (!upstreams.settle(slot, bytes, contract::UpstreamState::Serving, 0)) {
      return Error{0, "there are more than " + std::to_string(contract::kUpstreamPlaces)};
    }
  }
  return file;
}

// The route asks them, one file and one bell for all threads.
Result<void> open_upstream(const config::Route& route, std::vector<sys::PassedFd>& passed,
                           Launch& launch) {
  const std::string key = config::upstream_key(route);
  if (launch.parts.front().upstreams.count(key) > 0) return {};
  UniqueFd file = take(passed, contract::kUpstreamFdPrefix + key);
  UniqueFd bell = take(passed, contract::kUpstreamBellPrefix + key);
  if (!file && config::upstream_pool(route.proxy.front())) {
    return usage("route " + route.path + ": no descriptor named " + contract::kUpstreamFdPrefix +
                 key + " was passed");
  }
  if (!file) {
    Result<UniqueFd> made = make_upstreams(route);
    if (!made.ok()) return Error{kExitUsage, "route " + route.path + ": " + made.error().what};
    file = std::move(made).value();
  }
  if (!bell) bell = UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE));
  for (Launch::Part& part : launch.parts) {
    auto memory = sys::Mapping::create(file.get(), sys::Access::ReadWrite);
    if (!memory.ok()) return Error{kExitUsage, "map upstreams: " + memory.error().what};
    part.upstreams.emplace(key, UpstreamShare{.memory = std::move(memory).value(),
                                              .bell = TRY(copy_of(bell)),
                                              .settings = launch.upstreams[key]});
  }
  return {};
}

Result<void> open_upstreams(std::vector<sys::PassedFd>& passed, Launch& launch) {
  for (const config::Route& route : launch.pool.routes) {
    if (!route.proxy.empty()) TRY(open_upstream(route, passed, launch));
  }
  std::erase_if(passed, [](const auto& each) {
    return each.name.starts_with(contract::kUpstreamFdPrefix) ||
           each.name.starts_with(contract::kUpstreamBellPrefix);
  });
  return {};
}

bool has_socket(const Launch::Part& part, const std::string& listener) {
  return std::any_of(part.listeners.begin(), part.listeners.end(),
                     [&listener](const auto& each) { return each.place.listener == listener; });
}

// A thread without a socket of its own shares one: a Unix listener has no other (EOPNOTSUPP), and
// without a supervisor there may be fewer than threads.
Result<void> share_listeners(std::vector<Launch::Part>& parts) {
  std::map<std::string, const Launch::Listener*> first;
  for (const Launch::Part& part : parts) {
    for (const Launch::Listener& each : part.listeners) first.emplace(each.place.listener, &each);
  }
  std::vector<std::pair<size_t, Launch::Listener>> shared;
  for (const auto& [name, listener] : first) {
    for (size_t i = 0; i < parts.size(); ++i) {
      if (has_socket(parts[i], name)) continue;
      UniqueFd copy = TRY(copy_of(listener->fd));
      shared.emplace_back(i, Launch::Listener{listener->place, std::move(copy)});
    }
  }
  for (auto& [index, listener] : shared) parts[index].listeners.push_back(std::move(listener));
  return {};
}

Result<void> deal_listeners(std::vector<sys::PassedFd> passed, uint32_t slot,
                            std::vector<Launch::Part>& parts) {
  for (sys::PassedFd& each : passed) {
    auto lane = contract::parse_lane(each.name, slot);
    if (!lane) return usage(each.name + " is no name of a descriptor");
    parts[lane->lane % parts.size()].listeners.push_back(
        {{std::move(lane->listener), lane->number}, std::move(each.fd)});
  }
  return share_listeners(parts);
}

Result<Launch> open_launch(std::span<char* const> arguments) {
  const std::vector<config::Override> overrides = TRY(parse_overrides(arguments));
  Result<std::vector<sys::PassedFd>> taken = sys::take_passed_fds();
  if (!taken.ok()) return Error{kExitUsage, taken.error().what};
  std::vector<sys::PassedFd> passed = std::move(taken).value();
  Launch launch;
  launch.identity = TRY(identity_from_environment());
  const UniqueFd configuration = take(passed, contract::kConfigFd);
  if (!configuration) return usage("no descriptor named sockherd.config was passed");
  TRY(load_pool(configuration.get(), overrides, launch));
  TRY(count_threads(launch.pool, launch.identity));
  launch.parts.resize(launch.identity.threads);
  TRY(open_statistics(take(passed, contract::kStatsFd), launch));
  const UniqueFd bus = take(passed, contract::kBusFd);
  const UniqueFd bell = take(passed, contract::kBellFd);
  TRY(open_bus(bus, bell, launch.parts));
  TRY(open_loads(passed, launch.parts));
  TRY(open_upstreams(passed, launch));
  launch.control = take(passed, contract::kControlFd);
  if (passed.empty()) return usage("no listening socket was passed");
  TRY(deal_listeners(std::move(passed), launch.identity.slot, launch.parts));
  return launch;
}

}  // namespace

std::variant<Launch, Refusal> take_launch(std::span<char* const> arguments) {
  for (const std::string_view argument : arguments) {
    if (argument == "--help" || argument == "-h") return Refusal{0, std::string(kHelp)};
    if (argument == "--version") {
      return Refusal{0, std::string("sockherd-worker ") + kVersion + "\n"};
    }
  }
  Result<Launch> launch = open_launch(arguments);
  if (launch.ok()) return std::move(launch).value();
  return Refusal{launch.error().code, "sockherd-worker: " + launch.error().what + "\n"};
}

}  // namespace sockherd::worker
