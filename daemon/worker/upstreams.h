// Upstreams: all that a lane needs to ask those who stand behind a proxy route: the choice, the
// queue in front of it, the connections. One for each key (config::upstream_key): routes that ask
// the same share it.
//
// A request claims a place, or joins the queue; gets a connection to it, a kept one or a new one;
// gives back both when it is over. What is counted in the file by this lane is told some time later
// (kUpkeep), which is also when those that fail are probed.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/io/loop.h"
#include "daemon/stats/page.h"
#include "daemon/sys/shared_memory.h"
#include "daemon/worker/upstream_choice.h"
#include "daemon/worker/upstream_connection.h"
#include "daemon/worker/upstream_probe.h"
#include "daemon/worker/upstream_queue.h"
#include "daemon/worker/upstream_settings.h"

namespace sockherd::worker {

// What a lane gets for one key.
struct UpstreamShare {
  sys::Mapping memory;  // of an UpstreamFile
  UniqueFd bell;
  UpstreamSettings settings;
};

class Upstreams final : private io::Timer {
 public:
  // Errors: no file of upstreams, or more lanes than it has room for.
  static Result<std::unique_ptr<Upstreams>> create(io::Loop& loop, stats::Counters& counters,
                                                   UpstreamShare share, uint32_t process,
                                                   uint32_t lane);
  ~Upstreams();

  const UpstreamSettings& settings() const { return settings_; }
  io::Loop& loop() { return loop_; }
  stats::Counters& counters() { return counters_; }
  UpstreamQueue& queue() { return *queue_; }
  uint64_t random() { return choice_->random(); }

  // See UpstreamChoice. Whoever waits is not overtaken.
  UpstreamTarget* claim(const UpstreamTarget* avoid);
  void release(const UpstreamTarget& target) { choice_->release(target); }
  // After release(), once it does no harm if others go on at once.
  void serve_queue() { queue_->serve(); }

  void note_success(const UpstreamTarget& target) { choice_->note_success(target, loop_.now()); }
  void note_failure(const UpstreamTarget& target);
  // Whether there is hope that it answers if it is asked again in a moment.
  bool is_worth_waiting_for(const UpstreamTarget& target) const {
    return !choice_->is_ejected(target, loop_.now());
  }

  // A connection to it. Null where there is none, and none can be made: then the errno says why.
  enum class Kind : uint8_t { Any, Fresh };
  struct Connected {
    std::unique_ptr<UpstreamConnection> connection;
    bool was_kept = false;
    int error = 0;
  };
  Connected connect(UpstreamTarget& target, Kind kind, UpstreamUser& user);
  void keep(UpstreamTarget& target, std::unique_ptr<UpstreamConnection> connection);
  // A request was answered with an error for this. The log says so, now and then.
  void note_unreachable(const UpstreamTarget& target, int error);

 private:
  Upstreams(io::Loop& loop, stats::Counters& counters, UpstreamShare share);
  void on_due(Instant now) override;
  void need_upkeep() {
    if (!is_armed()) loop_.timers().arm(*this, loop_.now() + kUpkeep);
  }
  void probe(UpstreamTarget& target, Instant now);

  static constexpr Duration kUpkeep = std::chrono::milliseconds(250);

  io::Loop& loop_;
  stats::Counters& counters_;
  sys::Mapping memory_;
  UpstreamSettings settings_;
  std::unique_ptr<UpstreamChoice> choice_;
  std::unique_ptr<UpstreamQueue> queue_;
  std::vector<std::unique_ptr<UpstreamProbe>> probes_;  // under way
  Instant told_at_;                                     // of what could not be reached
  uint64_t untold_ = 0;
};

// By key.
using UpstreamMap = std::map<std::string, std::unique_ptr<Upstreams>>;

}  // namespace sockherd::worker
