#include "daemon/config/check.h"

#include <algorithm>
#include <map>

#include "daemon/base/bounds.h"
#include "daemon/config/address.h"
#include "daemon/config/answers.h"
#include "daemon/config/assign.h"
#include "daemon/config/check_command.h"
#include "daemon/config/commands.h"
#include "daemon/config/option_text.h"
#include "daemon/config/units.h"

namespace sockherd::config {
namespace {

std::string indexed(const std::string& path, size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

std::string listener_path(const Listener& listener) {
  return "listener." + listener.name;
}
std::string pool_path(const Pool& pool) {
  return "pool." + pool.name;
}

std::vector<std::string_view> listener_names(const Config& config) {
  std::vector<std::string_view> names;
  for (const Listener& listener : config.listeners) names.push_back(listener.name);
  return names;
}

// Who has an address already: canonical address → path of the option that has it.
using Addresses = std::map<std::string, std::string>;

void check_address(const std::string& text, const std::string& path, Addresses& taken,
                   Report& report) {
  const Result<std::string> address = canonical_address(text);
  if (!address.ok()) return;
  const auto [other, is_new] = taken.emplace(address.value(), path);
  if (!is_new)
    report.add(path, address.value() + " is the address of " + other->second +
                         " already; choose another one");
}

void check_addresses(const Config& config, Report& report) {
  Addresses taken;
  for (const Listener& listener : config.listeners)
    if (!listener.address.empty())
      check_address(listener.address, listener_path(listener) + ".address", taken, report);
  if (!config.admin.enabled) return;
  for (size_t i = 0; i < config.admin.address.size(); ++i)
    check_address(config.admin.address[i], indexed("admin.address", i), taken, report);
}

// Each listener of a pool is there and has no other pool. Says whether all are known.
void check_pool_listeners(const Config& config, const Pool& pool,
                          std::map<std::string, std::string>& pool_of, Report& report) {
  const std::string path = pool_path(pool) + ".listeners";
  if (handover_of(pool) == Handover::PrivatePort) return;  // check_command() says what is wrong
  if (pool.listeners.empty() && !report.has_fault(path))
    report.add(path,
               "the pool has no listener and would serve nothing; name one, such as "
               "listeners = [\"" +
                   (config.listeners.empty() ? "web" : config.listeners[0].name) + "\"]");
  for (size_t i = 0; i < pool.listeners.size(); ++i) {
    const std::string& name = pool.listeners[i];
    const std::string item = indexed(path, i);
    if (report.has_fault(item)) continue;
    if (config.find_listener(name) == nullptr) {
      report.add(item, "there is no listener " + quote(name) +
                           did_you_mean(name, listener_names(config)) + "; add [listener." + name +
                           "] or name another one");
      continue;
    }
    const auto [other, is_new] = pool_of.emplace(name, pool.name);
    if (!is_new)
      report.add(item, "listener " + quote(name) + " is served by pool " + quote(other->second) +
                           " already; a listener has one pool, so remove it from one of them");
  }
}

void check_listeners_are_served(const Config& config,
                                const std::map<std::string, std::string>& pool_of, Report& report) {
  // A mistyped name in a pool is told there; the listener it meant is not at fault too.
  for (const Pool& pool : config.pools)
    if (report.has_fault(pool_path(pool) + ".listeners")) return;
  for (const Listener& listener : config.listeners)
    if (!pool_of.contains(listener.name))
      report.add(listener_path(listener),
                 "no pool serves this listener; add " + quote(listener.name) +
                     " to the listeners of a pool, or remove [" + listener_path(listener) + "]");
}

void check_target(const Pool& pool, Report& report) {
  const std::string path = pool_path(pool);
  if (report.has_fault(path + ".routes") || report.has_fault(path + ".command")) return;
  if (pool.command.empty() && pool.routes.empty())
    report.add(path,
               "the pool has nothing to run; set routes = [{ path = \"/\", module = "
               "\"demo\" }] for the built-in engine, or command = [\"PROGRAM\"] for any other");
  if (!pool.command.empty() && !pool.routes.empty())
    report.add(path + ".routes",
               "routes are for the built-in engine and this pool has a command; "
               "remove one of the two");
}

void check_redirect(const Route& route, const std::string& path, Report& report) {
  const std::string wrong = route.redirect.empty() ? "" : redirect_fault(route.redirect);
  if (!wrong.empty()) report.add(path + ".redirect", wrong);
  if (!report.has_fault(path + ".status") && route.status != 301 && route.status != 302 &&
      route.status != 307 && route.status != 308)
    report.add(path + ".status", "must be 301, 302, 307 or 308");
}

// "scheme://host[:port]" in lower case, as browsers send it.
bool is_origin(std::string_view text) {
  const size_t slashes = text.find("://");
  if (slashes == std::string_view::npos || slashes == 0) return false;
  const std::string_view authority = text.substr(slashes + 3);
  return !authority.empty() && authority.find_first_of("/?#@ ") == std::string_view::npos;
}

void check_web_socket(const Route& route, const std::string& path, Report& report) {
  constexpr std::string_view kRoom = "room:";
  constexpr size_t kLongestName = 255;
  const std::string& target = route.websocket;
  const bool is_room = target.starts_with(kRoom) && target.size() > kRoom.size() &&
                       target.size() <= kRoom.size() + kLongestName;
  if (!target.empty() && target != "echo" && !is_room)
    report.add(path + ".websocket",
               quote(target) + did_you_mean(target, {"echo", "room:"}) +
                   " is no target for WebSockets; write \"echo\", or \"room:NAME\" with a name of "
                   "1 to 255 bytes");
  if (!route.origins.empty() && target.empty() && route.module.empty())
    report.add(path + ".origins",
               "are for WebSockets, and this route has none; remove them, or add websocket = "
               "\"echo\"");
  for (size_t i = 0; i < route.origins.size(); ++i) {
    const std::string& origin = route.origins[i];
    if (origin != "*" && !is_origin(origin))
      report.add(indexed(path + ".origins", i),
                 quote(origin) +
                     " is no origin; write \"https://HOST\" or \"https://HOST:PORT\", without a "
                     "slash behind it, or \"*\" for all");
  }
}

// What is left of a drain when all WebSockets have been told is for their close handshakes.
void check_web_socket_drain(const Pool& pool, Report& report) {
  const std::string path = pool_path(pool);
  const bool has_web_sockets =
      std::any_of(pool.routes.begin(), pool.routes.end(),
                  [](const Route& route) { return !route.websocket.empty(); });
  const Limits& limits = pool.limits;
  if (!has_web_sockets || report.has_fault(path + ".websocket_drain") ||
      report.has_fault(path + ".drain_timeout"))
    return;
  if (limits.websocket_drain + limits.websocket_close_timeout > pool.drain_timeout)
    report.add(path + ".websocket_drain",
               quote(format_duration(limits.websocket_drain)) + " and websocket_close_timeout = " +
                   quote(format_duration(limits.websocket_close_timeout)) +
                   " are more than drain_timeout = " + quote(format_duration(pool.drain_timeout)) +
                   ", which would cut the last off; lower one of the two, or raise drain_timeout");
}

// Exactly one of them.
void check_route_target(const Route& route, const std::string& path, Report& report) {
  std::vector<std::string> targets;
  if (!route.files.empty()) targets.emplace_back("files");
  if (!route.module.empty()) targets.emplace_back("module");
  if (!route.proxy.empty()) targets.emplace_back("proxy");
  if (!route.redirect.empty()) targets.emplace_back("redirect");
  if (!route.websocket.empty()) targets.emplace_back("websocket");
  for (const char* target : {".files", ".module", ".proxy", ".redirect", ".websocket"})
    if (report.has_fault(path + target)) return;
  if (targets.empty())
    report.add(path,
               "the route has no target; add files = \"/DIRECTORY\", proxy = \"pool:NAME\", "
               "redirect = \"/PATH\", websocket = \"echo\" or module = \"demo\"");
  if (targets.size() > 1)
    report.add(path, "the route has both " + targets[0] + " and " + targets[1] +
                         "; remove one of the two");
}

void check_module(const Route& route, const std::string& path, Report& report) {
  const std::string& module = route.module;
  if (module.empty() || module == "demo" || module.starts_with('/')) return;
  report.add(path + ".module", quote(module) + " is no module" + did_you_mean(module, {"demo"}) +
                                   "; write \"demo\", or the absolute path of a shared object "
                                   "(\"/path/app.so\")");
}

void check_route(const Route& route, const std::string& path, Report& report) {
  if (!route.path.starts_with('/') && !report.has_fault(path + ".path"))
    report.add(path + ".path", route.path.empty()
                                   ? "the path is missing; write path = \"/\" for everything"
                                   : "must begin with \"/\": write " + quote("/" + route.path));
  if (route.path.find_first_of("?#") != std::string::npos)
    report.add(path + ".path", "a path has no \"?\" or \"#\"; routes look at the path only");
  if (!route.fallback.empty() && !route.fallback.starts_with('/'))
    report.add(path + ".fallback", "must begin with \"/\": write " + quote("/" + route.fallback));
  check_redirect(route, path, report);
  check_module(route, path, report);
  check_web_socket(route, path, report);
  check_route_target(route, path, report);
}

void check_routes(const Pool& pool, Report& report) {
  const std::string path = pool_path(pool) + ".routes";
  std::map<std::string, size_t> seen;
  for (size_t i = 0; i < pool.routes.size(); ++i) {
    check_route(pool.routes[i], indexed(path, i), report);
    const auto [other, is_new] = seen.emplace(pool.routes[i].path, i);
    if (!is_new && !report.has_fault(indexed(path, i)))
      report.add(indexed(path, i) + ".path", quote(pool.routes[i].path) + " is the path of " +
                                                 indexed("routes", other->second) +
                                                 " already; remove one of the two");
  }
}

// Each thread of each worker has a socket of its own, and the kernel's programs number them.
void check_threads(const Pool& pool, Report& report) {
  const std::string path = pool_path(pool);
  if (report.has_fault(path + ".threads") || report.has_fault(path + ".workers")) return;
  if (!pool.command.empty() && pool.threads != 1)
    report.add(path + ".threads",
               "threads are for the built-in engine and this pool has a command; remove one of the "
               "two");
  if (pool.workers * pool.threads > kMostSockets)
    report.add(path + ".threads", std::to_string(pool.threads) + " for each of " +
                                      std::to_string(pool.workers) + " workers are more than " +
                                      std::to_string(kMostSockets) +
                                      " in all; lower it, or workers");
}

void check_numbers(const Pool& pool, Report& report) {
  const std::string path = pool_path(pool);
  if (pool.workers > pool.max_workers && !report.has_fault(path + ".max_workers"))
    report.add(path + ".workers", std::to_string(pool.workers) + " is more than max_workers = " +
                                      std::to_string(pool.max_workers) +
                                      "; lower it, or raise max_workers");
  if (pool.restart_delay > pool.restart_delay_max && !report.has_fault(path + ".restart_delay_max"))
    report.add(path + ".restart_delay", quote(format_duration(pool.restart_delay)) +
                                            " is more than restart_delay_max = " +
                                            quote(format_duration(pool.restart_delay_max)) +
                                            "; lower it, or raise restart_delay_max");
  if (pool.max_surge == 0 && pool.max_unavailable == 0 &&
      !report.has_fault(path + ".max_unavailable"))
    report.add(path + ".max_surge",
               "0 with max_unavailable = 0 leaves a reload no way to replace a worker; set "
               "max_surge = 1 to start the new one beside the old one, or max_unavailable = 1 to "
               "end the old one first");
  // A healthy worker may be busy, or not scheduled, for that long.
  constexpr Milliseconds kShortestHang{100};
  if (pool.hang_timeout > Milliseconds{0} && pool.hang_timeout < kShortestHang)
    report.add(path + ".hang_timeout", quote(format_duration(pool.hang_timeout)) +
                                           " would end healthy workers; set at least \"100ms\", "
                                           "or \"0s\" to switch it off");
}

void check_access_log(const Pool& pool, Report& report) {
  const std::string path = pool_path(pool) + ".access_log";
  const std::string& log = pool.access_log;
  if (log.empty() || report.has_fault(path)) return;
  if (!pool.command.empty()) {
    report.add(path,
               "is written by the built-in engine, and this pool has a command; remove one of the "
               "two");
  } else if (log != "stdout" && log != "journal" && !log.starts_with('/')) {
    report.add(path, quote(log) + did_you_mean(log, {"stdout", "journal"}) +
                         " is no absolute path; write \"/var/log/sockherd/access.log\", "
                         "\"stdout\" or \"journal\"");
  }
}

// The engine speaks to it, and no other program does.
void check_bus(const Pool& pool, Report& report) {
  const std::string path = pool_path(pool) + ".bus";
  if (pool.bus.empty() || pool.command.empty() || report.has_fault(path)) return;
  report.add(path,
             "carries rooms of the built-in engine, and this pool has a command; remove one of the "
             "two");
}

}  // namespace

void check(const Config& config, Report& report) {
  if (report.is_incomplete()) return;
  std::map<std::string, std::string> pool_of;
  for (const Pool& pool : config.pools) {
    check_pool_listeners(config, pool, pool_of, report);
    check_target(pool, report);
    check_routes(pool, report);
    check_numbers(pool, report);
    check_web_socket_drain(pool, report);
    check_threads(pool, report);
    check_access_log(pool, report);
    check_bus(pool, report);
    check_command(pool, report);
    check_proxies(config, pool, report);
  }
  for (const Pool& pool : config.pools) check_is_asked(config, pool, report);
  check_askers(config, report);
  if (config.pools.empty()) {
    report.add("",
               "there is no pool, so nothing would be served; `sockherdctl config init` prints "
               "an example with every option");
    return;
  }
  check_listeners_are_served(config, pool_of, report);
  check_addresses(config, report);
}

std::string name_fault(std::string_view name) {
  constexpr std::string_view kCharacters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  constexpr size_t kLongest = 64;
  if (name.empty() || name.size() > kLongest ||
      name.find_first_not_of(kCharacters) != std::string_view::npos)
    return "a name has 1 to 64 letters, digits, \"_\" and \"-\"";
  if (name.starts_with("sockherd"))
    return "names that start with \"sockherd\" are reserved; choose another one";
  return "";
}

}  // namespace sockherd::config
