// Machine: what this machine allows, and whether that is enough for many connections.
//
// Read once, judged purely: who has other numbers (a test, a plan) gets other findings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sockherd::load {

struct Machine {
  uint64_t descriptors = 0;  // hard limit of a process
  uint64_t files_most = 0;   // fs.file-max
  uint64_t files_open = 0;
  uint64_t watches_most = 0;  // fs.epoll.max_user_watches, of a user
  uint32_t first_port = 0;    // ip_local_port_range
  uint32_t last_port = 0;
  uint64_t backlog_most = 0;       // somaxconn
  uint64_t tcp_pages_most = 0;     // the third of tcp_mem
  uint64_t tcp_pages_pressed = 0;  // the second
  uint64_t tcp_pages = 0;          // in use
  uint64_t page_bytes = 4096;
  uint64_t memory_free_bytes = 0;  // MemAvailable
  uint64_t tracked_most = 0;       // nf_conntrack_max
  uint64_t tracked = 0;            // nf_conntrack_count; 0: connections are not tracked
  unsigned cpus = 1;
  // Since boot.
  uint64_t listen_overflows = 0;
  uint64_t listen_drops = 0;
  uint64_t syn_retransmits = 0;

  uint32_t ports() const { return last_port >= first_port ? last_port - first_port + 1 : 0; }
};

// root: "/proc", or a copy of it.
Machine read_machine(const std::string& root = "/proc");

// What is wanted of it.
struct Demand {
  uint64_t connections = 0;
  uint32_t processes = 1;
  uint32_t sources = 1;        // source addresses
  bool is_outgoing = true;     // ports are needed
  bool has_both_ends = false;  // the server is on this machine too
};

struct Finding {
  std::string_view check;  // "descriptors": a key
  std::string what;
  std::string remedy;
};

// What is in the way of that; nothing where nothing is.
std::vector<Finding> judge(const Machine& machine, const Demand& demand);

// What the kernel has counted between the two, and should not.
std::vector<Finding> compare(const Machine& before, const Machine& after);

}  // namespace sockherd::load
