#include "admin/ctl/control.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "admin/ctl/exit_code.h"
#include "daemon/base/nearest.h"
#include "daemon/config/units.h"

namespace sockherd::ctl {
namespace {

constexpr std::string_view kJoinGroup =
    "; run it as root, or join the group: usermod --append --groups sockherd USER";

Result<uint32_t> read_count(sd_bus_message* message) {
  uint32_t count = 0;
  const int r = sd_bus_message_read_basic(message, SD_BUS_TYPE_UINT32, &count);
  if (r <= 0) return errno_error("read count", r < 0 ? -r : ENODATA);
  return count;
}

// Who runs this, for the log of the daemon; nothing is decided by it.
std::string asker() {
  const passwd* user = ::getpwuid(::getuid());
  std::string who = user != nullptr ? user->pw_name : std::to_string(::getuid());
  const char* behind = std::getenv("SUDO_USER");
  if (behind != nullptr && *behind != '\0') who += " for " + std::string(behind);
  return "sockherdctl, " + who;
}

}  // namespace

Error explain_connect(const std::string& path, const Error& error) {
  switch (error.code) {
    case ENOENT:
    case ECONNREFUSED:
    case ENOTDIR:
      return failure(Exit::Unreachable, "sockherd is not running, there is nobody at " + path +
                                            "; start it: systemctl start sockherd");
    case EACCES:
    case EPERM:
      return failure(Exit::Denied, "no permission to use " + path + std::string(kJoinGroup));
    case EAGAIN:
      return failure(Exit::Unreachable, "sockherd does not take connections at " + path +
                                            "; see: systemctl status sockherd");
    default:
      return failure(Exit::Unreachable, error.what);
  }
}

Result<Control> Control::open(const Request& request) {
  Result<bus::Client> client = bus::Client::connect(request.socket);
  if (!client.ok()) return explain_connect(request.socket, client.error());
  return Control(std::move(client).value(), request.timeout);
}

template <typename T, typename Read>
Result<T> Control::call(const char* method, const bus::Client::Arguments& arguments,
                        const Read& read) {
  Result<T> result = Error{};
  bus::CallError call_error;
  client_.call(method, arguments, timeout_, [&](const bus::Reply& reply) {
    call_error = reply.error;
    if (reply.ok()) result = read(reply.message);
  });
  if (!call_error.name.empty()) return explain(call_error, arguments);
  if (result.ok()) return result;
  return failure(Exit::Failed, "cannot read the answer to " + std::string(method) + ": " +
                                   result.error().what +
                                   "; are sockherdctl and sockherd of the same version?");
}

Error Control::explain(const bus::CallError& error, const bus::Client::Arguments& arguments) {
  if (error.is_timeout())
    return failure(Exit::TimedOut, "no answer within " + config::format_duration(timeout_) +
                                       "; wait longer with --timeout, or see: systemctl status "
                                       "sockherd");
  if (error.is_disconnected())
    return failure(Exit::Unreachable,
                   "the connection to sockherd was lost; see: systemctl status sockherd");
  if (error.name == SD_BUS_ERROR_ACCESS_DENIED)
    return failure(Exit::Denied, error.message + std::string(kJoinGroup));
  if (error.name == SD_BUS_ERROR_UNKNOWN_METHOD)
    return failure(Exit::Failed,
                   "the daemon does not know this; it is of another version: "
                   "systemctl restart sockherd");
  std::string what = printable(error.message.empty() ? error.name : error.message);
  if (error.name == bus::kErrorNoSuchPool && !arguments.empty())
    if (const auto* name = std::get_if<std::string>(&arguments[0])) what += meant_pool(*name);
  return failure(Exit::Failed, what);
}

// "; did you mean \"web\"?", or nothing.
std::string Control::meant_pool(const std::string& name) {
  const Result<std::vector<bus::Dictionary>> pools = this->pools();
  if (!pools.ok()) return "";
  std::vector<std::string> names;
  for (const bus::Dictionary& pool : pools.value()) names.push_back(pool.text("name"));
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const auto near = nearest(name, candidates);
  return near ? "; did you mean \"" + std::string(*near) + "\"?" : "";
}

Result<bus::Dictionary> Control::status() {
  return call<bus::Dictionary>("GetStatus", {}, bus::read_dictionary);
}

Result<std::vector<bus::Dictionary>> Control::list(const char* method,
                                                   const bus::Client::Arguments& arguments) {
  return call<std::vector<bus::Dictionary>>(method, arguments, bus::read_dictionaries);
}

Result<std::vector<bus::Dictionary>> Control::workers(const std::string& pool) {
  return list("ListWorkers", {pool});
}

Result<Control::Events> Control::events(uint64_t since, uint32_t limit) {
  const auto read = [](sd_bus_message* message) -> Result<Events> {
    std::vector<bus::Dictionary> events = TRY(bus::read_dictionaries(message));
    const bus::Dictionary page = TRY(bus::read_dictionary(message));
    return Events{std::move(events), page.count("next"), page.count("lost")};
  };
  return call<Events>("ListEvents", {since, limit}, read);
}

Result<uint32_t> Control::set_workers(const std::string& pool, uint32_t count) {
  return call<uint32_t>("SetWorkers", {pool, count, asker()}, read_count);
}

Result<bus::Outcome> Control::reload() {
  return call<bus::Outcome>("Reload", {asker()}, bus::read_outcome);
}

Result<bus::Outcome> Control::restart(const std::string& pool, int32_t slot) {
  return call<bus::Outcome>("Restart", {pool, slot, asker()}, bus::read_outcome);
}

Result<std::optional<bus::Outcome>> Control::start_reload() {
  constexpr std::chrono::milliseconds kFaultsAreFoundWithin(200);
  // The handshake is through after this, so the next call is sent before its time-out begins.
  TRY(status());
  const auto patience = std::exchange(timeout_, kFaultsAreFoundWithin);
  Result<bus::Outcome> outcome = reload();
  timeout_ = patience;
  if (outcome.ok()) return std::optional(std::move(outcome).value());
  if (outcome.error().code != static_cast<int>(Exit::TimedOut)) return outcome.error();
  return std::optional<bus::Outcome>();
}

}  // namespace sockherd::ctl
