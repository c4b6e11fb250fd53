// Launch: what a worker was started with: arguments, environment and passed descriptors, checked.
//
// The other half is the supervisor, which starts workers with exactly this.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/stats/page.h"
#include "daemon/sys/load_table.h"
#include "daemon/sys/shared_memory.h"
#include "daemon/worker/identity.h"
#include "daemon/worker/place.h"
#include "daemon/worker/upstreams.h"

namespace sockherd::worker {

inline constexpr int kExitUsage = 2;          // arguments, environment or descriptors
inline constexpr int kExitConfiguration = 6;  // EXIT_NOTCONFIGURED of systemd.exec(5)

// Where this worker counts: its seat in the pool's segment, or, without one, a page of its own.
class CounterPage {
 public:
  CounterPage() : own_(std::make_unique<stats::Page>()), page_(own_.get()) {}
  CounterPage(sys::Mapping mapping, stats::Page& page)
      : mapping_(std::move(mapping)), page_(&page) {}

  stats::Counters& counters() { return page_->counters; }

 private:
  sys::Mapping mapping_;
  std::unique_ptr<stats::Page> own_;
  stats::Page* page_;
};

struct Launch {
  struct Listener {
    Place place;
    UniqueFd fd;
  };
  // By which the lanes of the pool hear each other; empty where it has none.
  struct Bus {
    UniqueFd file;
    UniqueFd bell;
    uint32_t seat = 0;
  };
  // What one thread serves with.
  struct Part {
    std::vector<Listener> listeners;
    std::map<std::string, sys::LoadTable> loads;  // by listener
    CounterPage statistics;
    Bus bus;
    std::map<std::string, UpstreamShare> upstreams;  // by key
  };

  Identity identity;
  config::Pool pool;
  std::map<std::string, UpstreamSettings> upstreams;  // of its proxy routes, by key
  std::vector<Part> parts;                            // one a thread, at least one
  UniqueFd control;                   // the control socket; empty without a supervisor that has one
  std::string access_log_option;      // for messages: where it stands, and what it says
  CounterPage access_log_statistics;  // of the first thread, for the writer, which outlives it
};

// Why the process ends before it has begun: what to print, and the exit status. Status 0 is
// --help and --version, whose text goes to standard output.
struct Refusal {
  int exit_status = 0;
  std::string text;
};

std::variant<Launch, Refusal> take_launch(std::span<char* const> arguments);

}  // namespace sockherd::worker
