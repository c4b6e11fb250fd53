// AccessWriter: the thread that turns records into lines and writes them, so that no loop waits for
// a disk.
//
// It empties the rings of all loops of this process. A loop pays for a wake-up (a system call) only
// where the writer sleeps: while records keep coming it looks again by itself every 50 ms, and is
// woken before that only by a ring that fills up. A ring that is full drops, which its loop counts.
//
// The thread has all signals blocked. It writes two counters of `counters`, which nobody else
// writes. Everything public is called from the threads of the loops.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/stats/page.h"
#include "daemon/worker/access_ring.h"
#include "daemon/worker/access_sink.h"

namespace sockherd::worker {

class AccessWriter;

// Writes what is in the rings, which takes a second at most where nobody reads, and ends the
// thread. Nothing may be pushed any more.
struct AccessWriterEnd {
  void operator()(AccessWriter* writer) const;
};
using AccessWriterHandle = std::unique_ptr<AccessWriter, AccessWriterEnd>;

class AccessWriter {
 public:
  // rings: how many loops there are. Starts the thread.
  // Errors: no thread, or no descriptor, is to be had.
  static Result<AccessWriterHandle> start(std::unique_ptr<AccessSink> sink, size_t rings,
                                          size_t ring_bytes, stats::Counters& counters);

  AccessWriter(const AccessWriter&) = delete;
  AccessWriter& operator=(const AccessWriter&) = delete;

  // Of the loop with that number, which is the only one to push there.
  AccessRing& ring(size_t loop) { return *rings_[loop]; }

  // To be called after pushing, once for many records.
  void has_more(AccessRing& ring);

  // Opens the log anew soon. Lines that are on their way may go to the file before or to this one.
  void reopen();

 private:
  friend struct AccessWriterEnd;
  enum State : uint32_t {
    kBusy,   // will look at the rings again before it sleeps
    kPause,  // sleeps, and looks again by itself
    kSleep,  // sleeps until it is woken
  };
  enum Wish : uint32_t { kReopen = 1, kStop = 2 };

  AccessWriter(std::unique_ptr<AccessSink> sink, size_t rings, size_t ring_bytes, UniqueFd wake_up,
               UniqueFd ended, stats::Counters& counters);
  Result<void> start_thread();
  bool end_thread();
  static void* run_thread(void* self);

  void run();
  bool empty_rings();
  void flush();
  void note(const AccessSink::Written& written);
  void rest(bool was_busy);
  bool take_wishes();
  bool reopen_now();
  bool wait_for_room(int fd);
  bool wait(int fd, short events, Duration longest);
  void wake();

  std::unique_ptr<AccessSink> sink_;
  std::vector<std::unique_ptr<AccessRing>> rings_;
  UniqueFd wake_up_;  // an eventfd; to the thread
  UniqueFd ended_;    // the same, from it
  stats::Counters& counters_;
  std::atomic<uint32_t> state_{kBusy};
  std::atomic<uint32_t> wishes_{0};
  pthread_t thread_{};
  bool has_thread_ = false;

  // Of the thread.
  bool is_stopping_ = false;
  Instant give_up_at_;       // once it is stopping
  bool is_failing_ = false;  // the last write failed, and the log knows
  uint64_t lost_ = 0;        // since then
};

}  // namespace sockherd::worker
