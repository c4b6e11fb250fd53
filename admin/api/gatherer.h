// Gatherer: makes snapshots: five bus calls at once, the statistics pages, /proc.
//
// At most one round is under way; who asks meanwhile shares the next one. So however many clients
// scrape, the supervisor answers one round at a time, and a reader never sees what was before his
// own last change.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "admin/api/process_reader.h"
#include "admin/api/statistics_pages.h"
#include "admin/metrics/snapshot.h"
#include "daemon/base/instant.h"
#include "daemon/bus/client.h"

namespace sockherd::api {

class Gatherer {
 public:
  using Gathered = std::variant<metrics::Snapshot, bus::CallError>;
  using Done = std::function<void(const Gathered&)>;

  // Borrows the client, which must outlive this. own_counts: what this process counts of itself.
  Gatherer(bus::Client& client, std::function<metrics::AdminCounts()> own_counts);

  // Calls back from the loop, exactly once. `done` must not throw.
  void gather(Done done);

 private:
  using Read = std::function<Result<void>(sd_bus_message*)>;

  void start_round();
  // Calls `method` as part of the round and lets `read` take its reply.
  void ask(const char* method, const bus::Client::Arguments& arguments, Read read);
  void on_reply(const bus::Reply& reply, const Read& read);
  void begin_step(std::function<void()> next);
  void one_done();
  void ask_lists();
  void ask_statistics();
  void on_statistics(const bus::Dictionary& pool, const bus::Reply& reply);
  Result<void> adopt_pages(const bus::Dictionary& pool, const bus::Reply& reply);
  void finish_round();

  bus::Client& client_;
  std::function<metrics::AdminCounts()> own_counts_;
  ProcessReader process_reader_;
  StatisticsPages pages_;
  std::set<std::string> without_pages_;  // pools that the log has named

  std::vector<Done> waiting_;  // for the next round
  // The round under way:
  std::vector<Done> served_;
  std::function<void()> next_step_;
  metrics::Snapshot snapshot_;
  std::optional<bus::CallError> error_;
  Instant started_;
  size_t outstanding_ = 0;
  bool round_runs_ = false;
};

}  // namespace sockherd::api
