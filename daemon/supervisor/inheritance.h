// Inheritance: what systemd hands to this process at its start, sorted by name: the sockets of
// socket units, and what a predecessor had it keep (fd_store.h).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "daemon/sys/activation.h"

namespace sockherd::supervisor {

struct Inheritance {
  struct Worker {
    UniqueFd pidfd;
    UniqueFd control;
    UniqueFd notify;
    UniqueFd binds;
    UniqueFd output;
  };
  struct Bus {
    UniqueFd file;
    UniqueFd bell;
  };
  // What has the name of a slot that has a socket already. Which one is meant, only the sockets
  // tell: the order means nothing.
  struct Spare {
    std::string listener;
    uint32_t slot = 0;
    UniqueFd fd;
  };

  std::vector<sys::PassedFd> units;                              // names as in the socket units
  std::map<std::string, std::map<uint32_t, UniqueFd>> slots;     // by listener and slot
  std::map<uint64_t, Worker> workers;                            // by worker id
  std::map<std::string, UniqueFd> statistics;                    // by pool
  std::map<std::string, Bus> buses;                              // by pool
  std::map<std::string, Bus> upstreams;                          // by key
  std::map<std::string, std::map<uint32_t, UniqueFd>> balances;  // by listener and table
  std::map<uint32_t, UniqueFd> configs;                          // by generation
  std::vector<Spare> spares;
  std::vector<std::string> strays;  // names of ours that this version does not know; closed

  static Inheritance sort(std::vector<sys::PassedFd> passed);
};

}  // namespace sockherd::supervisor
