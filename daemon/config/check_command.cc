#include "daemon/config/check_command.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "daemon/base/bounds.h"
#include "daemon/config/assign.h"
#include "daemon/config/commands.h"
#include "daemon/config/option_text.h"

namespace sockherd::config {
namespace {

std::string path_of(const Pool& pool) {
  return "pool." + pool.name;
}

bool says(const Pool& pool, std::string_view mark) {
  const auto has = [mark](const std::string& text) { return text.find(mark) != text.npos; };
  return std::any_of(pool.command.begin(), pool.command.end(), has) ||
         std::any_of(pool.environment.begin(), pool.environment.end(), has);
}

void check_ready(const Pool& pool, Report& report) {
  if (pool.ready.size() > 1)
    report.add(path_of(pool) + ".ready", "has both " + pool.ready[0].name + " and " +
                                             pool.ready[1].name + "; remove one of the two");
}

void check_dialects(const Pool& pool, Report& report) {
  for (size_t i = 0; i < pool.dialects.size(); ++i) {
    const std::string& name = pool.dialects[i];
    if (name != "server-starter" && name != "einhorn")
      report.add(path_of(pool) + ".dialects[" + std::to_string(i) + "]",
                 quote(name) + did_you_mean(name, {"server-starter", "einhorn"}) +
                     " is no dialect; known: server-starter, einhorn");
  }
  if (!pool.dialects.empty() && handover_of(pool) != Handover::ListenFds)
    report.add(path_of(pool) + ".dialects",
               "tell of passed sockets, and handover = " + quote(pool.handover) +
                   " passes none; remove one of the two");
}

void check_private_port(const Pool& pool, Report& report) {
  if (!pool.listeners.empty())
    report.add(path_of(pool) + ".listeners",
               "with handover = \"private-port\" each worker has an address of its own, and gets "
               "its requests from a proxy route; remove the listeners, and add { path = \"/\", "
               "proxy = \"pool:" +
                   pool.name + "\" } to the routes of another pool");
  if (says(pool, "{port}") && says(pool, "{socket}"))
    report.add(path_of(pool) + ".command",
               "says both {port} and {socket}; a worker has one address, so remove one of the two");
}

// What `text` says in {fd:NAME}.
std::vector<std::string> named_fds(std::string_view text) {
  constexpr std::string_view kMark = "{fd:";
  std::vector<std::string> names;
  for (size_t at = text.find(kMark); at != text.npos; at = text.find(kMark, at + 1)) {
    const bool is_escaped = at > 0 && text[at - 1] == '{';
    const size_t from = at + kMark.size();
    const size_t end = text.find('}', from);
    if (!is_escaped && end != text.npos) names.emplace_back(text.substr(from, end - from));
  }
  return names;
}

void check_fds(const Pool& pool, const std::vector<std::string>& texts, const char* option,
               Report& report) {
  const std::vector<std::string_view> known(pool.listeners.begin(), pool.listeners.end());
  for (size_t i = 0; i < texts.size(); ++i) {
    for (const std::string& name : named_fds(texts[i])) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      report.add(path_of(pool) + "." + option + "[" + std::to_string(i) + "]",
                 "{fd:" + name + "}: the pool has no listener " + quote(name) +
                     did_you_mean(name, known) +
                     "; name one of its listeners, or write {{fd: for the text itself");
    }
  }
}

void check_marks(const Pool& pool, Report& report) {
  const bool is_private = handover_of(pool) == Handover::PrivatePort;
  if (handover_of(pool) == Handover::ListenFds) {
    check_fds(pool, pool.command, "command", report);
    check_fds(pool, pool.environment, "environment", report);
  } else if (says(pool, "{fd:")) {
    report.add(path_of(pool) + ".command",
               "says {fd:NAME}, and handover = " + quote(pool.handover) +
                   " passes no sockets; remove one of the two");
  }
  if (says(pool, "{socket}") && !is_private)
    report.add(path_of(pool) + ".command",
               "says {socket}, which only handover = \"private-port\" has; add that, or remove it");
}

// The engine runs as we do: who wants it otherwise must hear of it.
void check_engine(const Pool& pool, Report& report) {
  const auto refuse = [&](const char* option) {
    const std::string path = path_of(pool) + "." + option;
    if (report.has_fault(path)) return;
    report.add(path, "is for programs that are not ours, and this pool has no command; remove it");
  };
  if (handover_of(pool) != Handover::ListenFds)
    report.add(path_of(pool) + ".handover",
               "is for programs that are not ours, and this pool has no command; add one, such "
               "as command = [\"node\", \"server.js\"], or remove it");
  if (!pool.user.empty()) refuse("user");
  if (!pool.group.empty()) refuse("group");
  if (!pool.working_directory.empty()) refuse("working_directory");
  if (!pool.dialects.empty()) refuse("dialects");
  if (pool.output != "lines") refuse("output");
  if (pool.stop_signal != "SIGTERM") refuse("stop_signal");
  if (pool.abort_signal != "SIGABRT") refuse("abort_signal");
}

}  // namespace

void check_command(const Pool& pool, Report& report) {
  if (pool.command.empty()) {
    check_engine(pool, report);
    return;
  }
  check_ready(pool, report);
  check_dialects(pool, report);
  check_marks(pool, report);
  if (handover_of(pool) == Handover::PrivatePort) check_private_port(pool, report);
}

void check_proxies(const Config& config, const Pool& pool, Report& report) {
  std::vector<std::string_view> names;
  for (const Pool& other : config.pools)
    if (handover_of(other) == Handover::PrivatePort) names.push_back(other.name);
  for (size_t i = 0; i < pool.routes.size(); ++i) {
    const Route& route = pool.routes[i];
    const std::string path = path_of(pool) + ".routes[" + std::to_string(i) + "].proxy";
    if (route.proxy.empty() || report.has_fault(path)) continue;
    const auto name = upstream_pool(route.proxy.front());
    const bool has_pool =
        std::any_of(route.proxy.begin(), route.proxy.end(),
                    [](const std::string& target) { return upstream_pool(target).has_value(); });
    if (has_pool && route.proxy.size() > 1) {
      report.add(path, "a pool stands alone; write proxy = \"pool:NAME\", or addresses only");
      continue;
    }
    if (!name) continue;
    const Pool* target = config.find_pool(*name);
    if (target == nullptr)
      report.add(path, "there is no pool " + quote(*name) + did_you_mean(*name, names) +
                           "; add [pool." + std::string(*name) +
                           "] with handover = \"private-port\", or name another one");
    else if (handover_of(*target) != Handover::PrivatePort)
      report.add(path, "the workers of pool " + quote(*name) +
                           " have no address of their own; set its handover = \"private-port\"");
  }
}

void check_askers(const Config& config, Report& report) {
  constexpr int64_t kMost = kMostSockets;  // as many as one pool may have
  std::map<std::string, int64_t> threads;
  for (const Pool& pool : config.pools) {
    std::set<std::string> keys;
    for (const Route& route : pool.routes)
      if (!route.proxy.empty()) keys.insert(upstream_key(route));
    for (const std::string& key : keys) {
      if ((threads[key] += pool.workers * pool.threads) <= kMost) continue;
      report.add(path_of(pool) + ".workers",
                 std::to_string(threads[key]) + " threads of all pools would ask " + quote(key) +
                     ", and " + std::to_string(kMost) + " are the most; lower workers or threads");
    }
  }
}

void check_is_asked(const Config& config, const Pool& pool, Report& report) {
  if (handover_of(pool) != Handover::PrivatePort || pool.command.empty()) return;
  for (const Pool& other : config.pools) {
    // A mistyped name is told there; the pool that it meant is not at fault too.
    if (report.has_fault(path_of(other) + ".routes")) return;
    for (const Route& route : other.routes)
      if (upstream_key(route) == pool.name) return;
  }
  report.add(path_of(pool), "no route leads to this pool; add { path = \"/\", proxy = \"pool:" +
                                pool.name + "\" } to the routes of another pool, or remove it");
}

}  // namespace sockherd::config
