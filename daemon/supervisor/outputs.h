// Outputs: what programs that are not ours write to stdout and stderr, read from a pipe each and
// passed on line by line (output_sink.h).
//
// Bounded in memory (some lines a worker), in time (a share of a turn) and in lines a second;
// what is dropped is counted and said. A worker never waits for us longer than kPatience while we
// run: then its lines are dropped. While we are not there, systemd holds our end: what a worker
// writes stays in the pipe, and is read by the next supervisor. Only when that is full
// (sys/output_pipe.h) does it wait, until there is one.
#pragma once

#include <systemd/sd-event.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "daemon/base/instant.h"
#include "daemon/base/result.h"
#include "daemon/config/config.h"
#include "daemon/fleet/event.h"
#include "daemon/stats/page.h"
#include "daemon/supervisor/fd_store.h"
#include "daemon/supervisor/output_lines.h"
#include "daemon/supervisor/output_sink.h"
#include "daemon/supervisor/watch.h"
#include "daemon/sys/output_pipe.h"

namespace sockherd::supervisor {

class Outputs {
 public:
  // How long a log that does not take anything is waited for.
  static constexpr Duration kPatience = std::chrono::seconds(1);

  Outputs(sd_event* loop, FdStore& store, OutputSink sink = OutputSink::of_our_log());
  ~Outputs();
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;

  // What a program of the pool writes into (`theirs`; empty = what we write into), and our end of
  // it for begin(), if we are to read it.
  static Result<sys::OutputPipe> open(const config::Pool& pool);

  // Reads and passes on until end(). counters: of the worker's seat, or null.
  Result<void> begin(fleet::WorkerId id, const OutputSource& source, UniqueFd pipe,
                     stats::Counters* counters);

  // The worker has ended: passes on what is left. Whatever it has started and left behind writes
  // to nobody from now on.
  void end(fleet::WorkerId id);

  // What a worker has left that ended while nobody was there.
  void read_remains(const OutputSource& source, UniqueFd pipe) const;

  // We go, and somebody else reads on: passes on what is in our hands, unfinished lines too.
  void flush();

 private:
  class Reader;

  sd_event* loop_;
  FdStore& store_;
  OutputSink sink_;
  std::map<fleet::WorkerId, std::unique_ptr<Reader>> readers_;
};

}  // namespace sockherd::supervisor
