// The options of the verbs bench http and bench ws, as a plan.
#include "admin/ctl/bench_plan.h"

#include <fstream>
#include <sstream>

#include "admin/ctl/exit_code.h"
#include "admin/load/machine.h"
#include "daemon/base/parse.h"
#include "daemon/config/units.h"
#include "daemon/http/characters.h"
#include "daemon/sys/resources.h"

namespace sockherd::ctl {
namespace {

using load::Plan;
using load::Protocol;
using load::Task;

std::string given(const Request& request, const std::string& flag) {
  const auto at = request.values.find(flag);
  return at == request.values.end() ? "" : at->second;
}

Error misused(const std::string& flag, const std::string& expected, const std::string& is) {
  return failure(Exit::Usage, flag + " must be " + expected + ", is \"" + printable(is) + "\"");
}

// Leaves `to` as it is where the flag was not given.
Result<void> read_number(const Request& request, const std::string& flag, uint64_t least,
                         uint64_t most, uint64_t& to) {
  const std::string text = given(request, flag);
  if (!request.values.contains(flag)) return {};
  const auto number = parse_number<uint64_t>(text);
  if (!number || *number < least || *number > most) {
    return misused(flag, "a number from " + std::to_string(least) + " to " + std::to_string(most),
                   text);
  }
  to = *number;
  return {};
}

Result<void> read_rate(const Request& request, const std::string& flag, double& to) {
  const std::string text = given(request, flag);
  if (!request.values.contains(flag)) return {};
  const auto number = parse_number<double>(text);
  if (!number || !(*number > 0) || *number > 1e9) {
    return misused(flag, "a number a second, such as 1000 or 0.5", text);
  }
  to = *number;
  return {};
}

Result<void> read_duration(const Request& request, const std::string& flag, Duration& to) {
  const std::string text = given(request, flag);
  if (!request.values.contains(flag)) return {};
  auto duration = config::parse_duration(text);
  if (!duration) duration = config::parse_duration(text + "s");  // a number of seconds
  if (!duration || duration->count() <= 0) {
    return misused(flag, "a time such as 30s, 500ms or 2m", text);
  }
  to = *duration;
  return {};
}

Result<std::string> content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return failure(Exit::Failed, "cannot read " + printable(path));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// They are separated by line breaks, which no header can have.
Result<void> read_headers(const Request& request, Plan& plan) {
  std::istringstream lines(given(request, "--header"));
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    const bool is_field = colon != std::string::npos &&
                          http::is_all(http::kTokenByte, line.substr(0, colon)) &&
                          http::is_all(http::kFieldByte, line.substr(colon + 1) + " ");
    if (!is_field) return misused("--header", "as \"Name: value\"", line);
    plan.headers.push_back(line);
  }
  return {};
}

Result<void> read_connections(const Request& request, Plan& plan) {
  TRY(read_number(request, "--connections", 1, 100'000'000, plan.connections));
  uint64_t processes = 0;
  TRY(read_number(request, "--processes", 1, 4096, processes));
  plan.processes = static_cast<uint32_t>(processes);
  TRY(read_rate(request, "--connect-rate", plan.connect_rate));
  Duration ramp{0};
  TRY(read_duration(request, "--ramp", ramp));
  if (ramp.count() > 0) {
    if (plan.connect_rate > 0) {
      return failure(Exit::Usage, "--ramp and --connect-rate say the same; choose one");
    }
    const double seconds = std::chrono::duration<double>(ramp).count();
    plan.connect_rate = static_cast<double>(plan.connections) / seconds;
  }
  if (const std::string text = given(request, "--source"); !text.empty()) {
    Result<load::Sources> sources = load::Sources::parse(text);
    if (!sources.ok()) return failure(Exit::Usage, sources.error().what);
    plan.sources = sources.value();
  }
  return {};
}

Result<void> read_traffic(const Request& request, Plan& plan) {
  TRY(read_duration(request, "--duration", plan.duration));
  TRY(read_rate(request, "--rate", plan.rate));
  TRY(read_number(request, "--count", 1, UINT64_MAX / 2, plan.count));
  uint64_t depth = plan.depth;
  TRY(read_number(request, "--pipeline", 1, 1024, depth));
  plan.depth = static_cast<uint32_t>(depth);
  plan.timeout = request.timeout;
  if (request.has("--hold")) plan.task = Task::Hold;
  return read_headers(request, plan);
}

Result<void> read_http(const Request& request, Plan& plan) {
  plan.is_one_each = request.has("--close");
  if (plan.is_one_each && plan.depth > 1) {
    return failure(Exit::Usage, "--close and --pipeline exclude each other");
  }
  plan.body = given(request, "--body");
  if (plan.body.starts_with('@')) plan.body = TRY(content_of(plan.body.substr(1)));
  if (request.values.contains("--body")) plan.method = "POST";
  if (const std::string method = given(request, "--method"); !method.empty()) {
    if (!http::is_all(http::kTokenByte, method)) return misused("--method", "a method", method);
    plan.method = method;
  }
  return {};
}

Result<void> read_web_socket(const Request& request, Plan& plan) {
  TRY(read_number(request, "--size", 0, uint64_t{1} << 30, plan.size));
  TRY(read_number(request, "--senders", 0, plan.connections, plan.senders));
  plan.max_message_bytes = std::max(plan.max_message_bytes, plan.size);
  plan.is_text = request.has("--text");
  plan.deflate = request.has("--deflate");
  plan.subprotocol = given(request, "--subprotocol");
  plan.echoes_at_end = request.has("--echo-at-end");
  if (!request.has("--receive")) {
    if (request.values.contains("--senders")) {
      return failure(Exit::Usage, "--senders is for --receive: else all connections send");
    }
    return {};
  }
  if (plan.task == Task::Hold || plan.echoes_at_end) {
    return failure(Exit::Usage, "--receive excludes --hold and --echo-at-end");
  }
  plan.task = Task::Listen;
  if (plan.rate <= 0) plan.rate = static_cast<double>(std::max<uint64_t>(plan.senders, 1));
  if (plan.size < load::kStampBytes) {
    return failure(Exit::Usage, "--receive needs a --size of " + std::to_string(load::kStampBytes) +
                                    " or more: each message says when it was sent");
  }
  return {};
}

}  // namespace

Result<Plan> plan_of(const Request& request, Protocol protocol) {
  Plan plan;
  plan.protocol = protocol;
  Result<load::Target> target = load::Target::parse(request.argument("URL"), protocol);
  if (!target.ok()) return failure(Exit::Usage, printable(target.error().what));
  plan.target = std::move(target).value();
  TRY(read_connections(request, plan));
  TRY(read_traffic(request, plan));
  TRY(protocol == Protocol::Http ? read_http(request, plan) : read_web_socket(request, plan));
  Result<sys::SocketAddress> address = plan.target.resolve();
  if (!address.ok()) return failure(Exit::Failed, address.error().what);
  plan.address = address.value();
  const load::Machine machine = load::read_machine();
  const Result<void> complete =
      load::complete_plan(plan, machine.descriptors, machine.ports(), machine.cpus);
  if (!complete.ok()) return failure(Exit::Usage, complete.error().what);
  return plan;
}

}  // namespace sockherd::ctl
