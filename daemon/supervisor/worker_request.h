// What a worker is started with: arguments, environment, descriptors, limits. Reads what there is
// (configuration, sockets); makes nothing, and starts nothing: that is Hands.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "daemon/supervisor/generation.h"
#include "daemon/supervisor/listeners.h"
#include "daemon/sys/spawn.h"

namespace sockherd::supervisor {

// What all workers are started with.
struct WorkerSetup {
  std::string program;            // of built-in pools
  std::string runtime_directory;  // for notify sockets
  std::vector<config::Override> overrides;
  std::vector<std::string> environment;  // our own, without what is only for us
  unsigned long nofile_soft = 0;         // what foreign programs get back
};

// Numbers of sockets, by the key of their group.
using SocketNumbers = std::map<std::string, std::vector<uint32_t>>;

// Who is to be started. All of it is borrowed.
struct NewWorker {
  const WorkerSetup& setup;
  const Generation& generation;
  const config::Pool& pool;  // of this generation
  uint32_t slot = 0;
  const SocketNumbers& sockets;
  const std::vector<uint32_t>& seats;
  uint32_t threads = 1;
  int statistics = -1;      // the segment of its pool
  std::string host = "";    // HOST: where it is to bind itself
  std::string port = "";    // what it is to bind itself: {port}; "" = nothing
  std::string socket = "";  // {socket}
};

// The request, but for what only Hands has: control socket and buses.
sys::SpawnRequest request_for(const NewWorker& worker, const Listeners& listeners);

}  // namespace sockherd::supervisor
