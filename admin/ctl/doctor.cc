// The verb doctor: what this machine allows, and what is in the way of so many connections.
#include "admin/ctl/actions.h"
#include "admin/ctl/exit_code.h"
#include "admin/ctl/json.h"
#include "admin/load/machine.h"
#include "admin/load/report.h"
#include "daemon/base/parse.h"

namespace sockherd::ctl {
namespace {

using load::Demand;
using load::Finding;
using load::Machine;

constexpr uint64_t kUsualConnections = 10'000;
constexpr uint64_t kMostConnections = 100'000'000;

struct Fact {
  const char* key;
  const char* name;
  uint64_t value;
};

std::vector<Fact> facts_of(const Machine& machine) {
  return {{"cpus", "CPUs", machine.cpus},
          {"descriptors", "descriptors of a process, at most", machine.descriptors},
          {"files_most", "open files, at most (fs.file-max)", machine.files_most},
          {"files_open", "open files", machine.files_open},
          {"watches_most", "epoll watches of a user, at most", machine.watches_most},
          {"ports", "local ports of an address (ip_local_port_range)", machine.ports()},
          {"backlog_most", "accept queue, at most (net.core.somaxconn)", machine.backlog_most},
          {"tcp_pages_most", "pages in queues of TCP, at most (tcp_mem)", machine.tcp_pages_most},
          {"tcp_pages", "pages in queues of TCP", machine.tcp_pages},
          {"memory_free_bytes", "free memory in bytes", machine.memory_free_bytes},
          {"listen_overflows", "full accept queues, since boot", machine.listen_overflows},
          {"syn_retransmits", "SYNs sent again, since boot", machine.syn_retransmits}};
}

Result<uint64_t> number_of(const Request& request, const std::string& flag, uint64_t fallback) {
  const auto given = request.values.find(flag);
  if (given == request.values.end()) return fallback;
  const auto number = parse_number<uint64_t>(given->second);
  if (number && *number >= 1 && *number <= kMostConnections) return *number;
  return failure(Exit::Usage, flag + " must be a number from 1 to " +
                                  std::to_string(kMostConnections) + ", is \"" +
                                  printable(given->second) + "\"");
}

std::string to_text(const Machine& machine, const std::vector<Finding>& findings, Palette palette) {
  std::vector<std::vector<Cell>> rows;
  for (const Fact& fact : facts_of(machine)) {
    rows.push_back({std::string(fact.name), load::grouped(fact.value)});
  }
  std::string text = table({"THIS MACHINE", ""}, rows, palette) + "\n";
  for (const Finding& finding : findings) {
    text += paint(finding.check, Colour::Red, palette) + ": " + finding.what + "\n    " +
            finding.remedy + "\n";
  }
  return text;
}

Json to_json(const Machine& machine, const std::vector<Finding>& findings) {
  Json facts = Json::object();
  for (const Fact& fact : facts_of(machine)) facts[fact.key] = fact.value;
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"check", finding.check}, {"what", finding.what}, {"remedy", finding.remedy}});
  }
  return {{"machine", facts}, {"findings", list}};
}

}  // namespace

Result<void> examine(const Request& request, Answer& answer) {
  const Machine machine = load::read_machine();
  Demand demand;
  demand.connections = TRY(number_of(request, "--connections", kUsualConnections));
  const uint64_t workers = TRY(number_of(request, "--workers", machine.cpus));
  demand.processes = static_cast<uint32_t>(workers);
  demand.is_outgoing = request.has("--outgoing");
  const std::vector<Finding> findings = load::judge(machine, demand);
  answer.data =
      request.json ? dump(to_json(machine, findings)) : to_text(machine, findings, request.palette);
  const std::string many =
      load::grouped(demand.connections) + " connections of " + counted(workers, "worker");
  if (!findings.empty()) {
    return failure(Exit::Failed, counted(findings.size(), "limit") + " in the way of " + many);
  }
  if (!request.json) answer.data += "Nothing is in the way of " + many + ".\n";
  return {};
}

}  // namespace sockherd::ctl
