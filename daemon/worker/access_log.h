// AccessLog: the access log as one loop sees it: its ring to the writer's thread (access_writer.h),
// and what it remembers until an answer has left.
//
// Nothing here waits or allocates for a request in the long run. Where the log is off there is no
// AccessLog, and Service::access_log is null.
//
// What it costs: 870 instructions of the loop for a request (550 of one in a batch of sixteen), and
// of the writer 1,180 for a combined line, 3,040 for JSON. CPU for each request, with wrk -c64:
// 1.10 times that without a log, 1.12 with JSON.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/io/loop.h"
#include "daemon/stats/page.h"
#include "daemon/worker/access_batch.h"
#include "daemon/worker/access_record.h"
#include "daemon/worker/access_writer.h"

namespace sockherd::worker {

class AccessLog {
 public:
  // number: which of the writer's rings is ours. counters: of this loop.
  AccessLog(AccessWriter& writer, size_t number, const io::Loop& loop, stats::Counters& counters);
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // The writer that the pool's configuration asks for, with a ring for each of `loops`; null where
  // the log is off. counters: of one of the loops.
  // Errors: the log can not be opened.
  static Result<AccessWriterHandle> start_writer(const config::Pool& pool, uint32_t slot,
                                                 size_t loops, stats::Counters& counters);

  // For the requests in flight on this connection.
  AccessBatchHandle begin(int fd);

  // The connection with that number is this client's. Where nobody says it, the kernel is asked.
  void know(int fd, const ClientAddress& client);

  // The connection with that number ends.
  void forget(int fd);

  // A connection that was answered `status` without being served. came: what it has sent.
  void log_refused(int fd, std::string_view came, int status);

  // Once a turn of the loop: the writer is told that there is more, if there is.
  void end_turn() {
    if (has_more_) tell_writer();
  }

  // See AccessWriter::reopen().
  void reopen() { writer_.reopen(); }

 private:
  friend class AccessBatch;
  friend struct AccessBatchReturn;

  void push(const AccessFacts& facts, std::string_view texts);
  void note_drop();
  void tell_writer();
  Instant now() const { return loop_.now(); }
  ClientAddress& place_of(int fd);
  const ClientAddress& client_of(int fd);

  AccessWriter& writer_;
  AccessRing& ring_;
  const io::Loop& loop_;
  stats::Counters& counters_;
  std::vector<ClientAddress> clients_;  // by descriptor; asked of the kernel once a connection
  std::vector<std::unique_ptr<AccessBatch>> free_;
  uint64_t dropped_ = 0;
  Instant warned_at_;
  bool has_more_ = false;
};

}  // namespace sockherd::worker
