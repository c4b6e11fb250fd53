#include "admin/load/machine.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "daemon/base/parse.h"
#include "daemon/sys/resources.h"

namespace sockherd::load {
namespace {

constexpr uint64_t kReserve = 64;        // descriptors of a process that are no connections
constexpr uint64_t kKernelBytes = 4096;  // of one end of an idle TCP connection, measured

std::vector<uint64_t> numbers_in(const std::string& path) {
  std::ifstream file(path);
  std::vector<uint64_t> numbers;
  for (std::string word; file >> word;) {
    if (const auto number = parse_number<uint64_t>(word)) numbers.push_back(*number);
  }
  return numbers;
}

uint64_t number_in(const std::string& path, size_t place = 0) {
  const std::vector<uint64_t> numbers = numbers_in(path);
  return place < numbers.size() ? numbers[place] : 0;
}

// The number behind `name` in the line that begins with `line`: "TCP: inuse 5 ... mem 3".
uint64_t number_behind(const std::string& path, const std::string& line, const std::string& name) {
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) {
    if (!text.starts_with(line)) continue;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
      if (word != name) continue;
      words >> word;
      return parse_number<uint64_t>(word).value_or(0);
    }
  }
  return 0;
}

// A table of two lines: names, and below them the numbers.
uint64_t counter_of(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string names, numbers; std::getline(file, names) && std::getline(file, numbers);) {
    std::istringstream left(names);
    std::istringstream right(numbers);
    for (std::string a, b; left >> a && right >> b;) {
      if (a == name) return parse_number<uint64_t>(b).value_or(0);
    }
  }
  return 0;
}

std::string text(uint64_t number) {
  return std::to_string(number);
}

void judge_descriptors(const Machine& machine, const Demand& demand, std::vector<Finding>& found) {
  const uint64_t each = (demand.connections + demand.processes - 1) / demand.processes + kReserve;
  if (each > machine.descriptors) {
    found.push_back(
        {"descriptors",
         "a process needs " + text(each) + " descriptors and may have " + text(machine.descriptors),
         "more processes, or raise the limit: ulimit -n, LimitNOFILE="});
  }
  const uint64_t ends = demand.connections * (demand.has_both_ends ? 2 : 1);
  if (machine.files_open + ends > machine.files_most) {
    found.push_back({"files",
                     text(ends) + " sockets and " + text(machine.files_open) +
                         " open files are more than fs.file-max, " + text(machine.files_most),
                     "sysctl fs.file-max=" + text(2 * (machine.files_open + ends))});
  }
  if (ends > machine.watches_most) {
    found.push_back({"watches",
                     text(ends) + " sockets are more than fs.epoll.max_user_watches, " +
                         text(machine.watches_most),
                     "sysctl fs.epoll.max_user_watches=" + text(2 * ends)});
  }
}

void judge_ports(const Machine& machine, const Demand& demand, std::vector<Finding>& found) {
  if (!demand.is_outgoing) return;
  const uint64_t ports = uint64_t{machine.ports()} * demand.sources;
  if (demand.connections <= ports) return;
  const uint64_t wanted = (demand.connections + machine.ports() - 1) / (machine.ports() | 1U);
  found.push_back({"ports",
                   text(demand.connections) + " connections to one address need as many ports, " +
                       text(demand.sources) + " source address" +
                       (demand.sources == 1 ? " has " : "es have ") + text(ports),
                   "--source with " + text(wanted) +
                       " addresses, or sysctl net.ipv4.ip_local_port_range=\"1024 65535\""});
}

void judge_memory(const Machine& machine, const Demand& demand, std::vector<Finding>& found) {
  const uint64_t ends = demand.connections * (demand.has_both_ends ? 2 : 1);
  if (ends * kKernelBytes > machine.memory_free_bytes) {
    found.push_back({"memory",
                     "the kernel needs about " + text(ends * kKernelBytes >> 20) +
                         " MiB for that many sockets, " + text(machine.memory_free_bytes >> 20) +
                         " MiB are free",
                     "fewer connections, or more memory"});
  }
  // An idle connection holds none of it; one that is read slowly holds a page or more.
  if (machine.tcp_pages + ends > machine.tcp_pages_most) {
    found.push_back({"tcp_mem",
                     "a page of queues for each of " + text(ends) +
                         " sockets is more than net.ipv4.tcp_mem allows, " +
                         text(machine.tcp_pages_most) + " pages: enough only while few are busy",
                     "sysctl net.ipv4.tcp_mem=\"" + text(ends) + " " + text(ends * 3 / 2) + " " +
                         text(ends * 2) + "\""});
  }
  // None are tracked where nobody has asked for it, though the limit is there.
  if (machine.tracked > 0 && machine.tracked + ends > machine.tracked_most) {
    found.push_back({"tracking",
                     "connections are tracked, at most " + text(machine.tracked_most) +
                         " (net.netfilter.nf_conntrack_max)",
                     "sysctl net.netfilter.nf_conntrack_max=" + text(2 * ends)});
  }
}

}  // namespace

Machine read_machine(const std::string& root) {
  Machine machine;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) machine.descriptors = limit.rlim_max;
  const std::string fs = root + "/sys/fs/";
  const std::string ipv4 = root + "/sys/net/ipv4/";
  machine.files_most = number_in(fs + "file-max");
  machine.files_open = number_in(fs + "file-nr");
  machine.watches_most = number_in(fs + "epoll/max_user_watches");
  machine.first_port = static_cast<uint32_t>(number_in(ipv4 + "ip_local_port_range", 0));
  machine.last_port = static_cast<uint32_t>(number_in(ipv4 + "ip_local_port_range", 1));
  machine.backlog_most = number_in(root + "/sys/net/core/somaxconn");
  machine.tcp_pages_pressed = number_in(ipv4 + "tcp_mem", 1);
  machine.tcp_pages_most = number_in(ipv4 + "tcp_mem", 2);
  machine.tcp_pages = number_behind(root + "/net/sockstat", "TCP:", "mem");
  machine.page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  machine.memory_free_bytes = number_behind(root + "/meminfo", "MemAvailable:", "MemAvailable:");
  machine.memory_free_bytes *= 1024;
  machine.tracked_most = number_in(root + "/sys/net/netfilter/nf_conntrack_max");
  machine.tracked = number_in(root + "/sys/net/netfilter/nf_conntrack_count");
  machine.cpus = sys::usable_cpus();
  machine.listen_overflows = counter_of(root + "/net/netstat", "ListenOverflows");
  machine.listen_drops = counter_of(root + "/net/netstat", "ListenDrops");
  machine.syn_retransmits = counter_of(root + "/net/netstat", "TCPSynRetrans");
  return machine;
}

std::vector<Finding> judge(const Machine& machine, const Demand& demand) {
  std::vector<Finding> found;
  judge_descriptors(machine, demand, found);
  judge_ports(machine, demand, found);
  judge_memory(machine, demand, found);
  return found;
}

std::vector<Finding> compare(const Machine& before, const Machine& after) {
  std::vector<Finding> found;
  if (after.listen_overflows > before.listen_overflows) {
    found.push_back({"overflows",
                     text(after.listen_overflows - before.listen_overflows) +
                         " connections met a full accept queue on this machine",
                     "a longer backlog, sysctl net.core.somaxconn (" + text(after.backlog_most) +
                         "), or --ramp"});
  }
  if (after.syn_retransmits > before.syn_retransmits) {
    found.push_back({"retransmits",
                     text(after.syn_retransmits - before.syn_retransmits) +
                         " SYNs were sent again: connecting took a second or more each time",
                     "--ramp, or a longer backlog of the server"});
  }
  return found;
}

}  // namespace sockherd::load
