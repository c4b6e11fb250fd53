// Tally: what one process of the load has seen. Lies in shared memory: the process writes, who
// started it reads.
//
// Counters may be read at any time; histograms when the process has ended.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "admin/load/histogram.h"

namespace sockherd::load {

enum class Count : uint8_t {
  Attempts,       // connections begun
  Opened,         // established; of WebSockets, with the handshake done
  Open,           // now; not a sum
  Reopened,       // of Opened: in the place of one that the server had ended
  Ended,          // ended by the server while nothing was asked
  Sent,           // requests or messages
  Answered,       // of these; of WebSockets that only listen: messages that came
  Echoed,         // of those that were asked for at the end
  BytesSent,      //
  BytesReceived,  //
  Lost,           // answers that were owed by connections that failed
  Unsent,         // due, but no connection was free before the end
  CpuUs,          // user and system, while load was made
  LastAnswerNs,   // when, on the monotonic clock
  End,            // behind the last one
};
inline constexpr auto kCounts = static_cast<size_t>(Count::End);

enum class Failure : uint8_t {
  Refused,  // ECONNREFUSED
  Reset,    // ECONNRESET, EPIPE
  Closed,   // the end of the connection, where an answer was owed
  ConnectTimeout,
  AnswerTimeout,
  Unreachable,   // EHOSTUNREACH, ENETUNREACH
  NoPort,        // EADDRNOTAVAIL
  NoDescriptor,  // EMFILE, ENFILE
  NoMemory,      // ENOMEM, ENOBUFS
  Handshake,     // the server refuses the WebSocket
  BadAnswer,     // what came is not HTTP, or not WebSocket
  WrongEcho,     // another message than was sent
  Other,
  End,  // behind the last one
};
inline constexpr auto kFailures = static_cast<size_t>(Failure::End);
std::string_view name_of(Failure failure);  // "refused": key and word
Failure failure_of(int code);               // of an errno

// What the process is doing.
enum class State : uint32_t { Opening, Opened, Ran, Echoed, Closed };

class Tally {
 public:
  static constexpr size_t kStatuses = 600;
  static constexpr size_t kCloseCodes = 17;  // 1000 to 1015, and all others

  using Counter = std::atomic<uint64_t>;
  // Single writer.
  static void bump(Counter& counter, uint64_t by = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void add(Count what, uint64_t by = 1) { bump(counts_[static_cast<size_t>(what)], by); }
  void set(Count what, uint64_t to) {
    counts_[static_cast<size_t>(what)].store(to, std::memory_order_relaxed);
  }
  void add(Failure what) { bump(failures_[static_cast<size_t>(what)]); }
  void add_status(int status) { bump(statuses_[status > 0 && status < 600 ? size_t(status) : 0]); }
  void add_close(uint16_t code) { bump(closes_[code >= 1000 && code < 1016 ? code - 1000 : 16]); }

  uint64_t get(Count what) const { return read(counts_[static_cast<size_t>(what)]); }
  uint64_t get(Failure what) const { return read(failures_[static_cast<size_t>(what)]); }
  uint64_t status(size_t status) const { return read(statuses_[status]); }
  uint64_t close(size_t place) const { return read(closes_[place]); }

  void say(State state) { state_.store(state, std::memory_order_release); }
  State state() const { return state_.load(std::memory_order_acquire); }

  Histogram latency;   // from when it was due to the end of the answer
  Histogram connects;  // from connect(2) until it is open
  Histogram slips;     // how late something was sent though a connection was free

 private:
  static uint64_t read(const Counter& counter) { return counter.load(std::memory_order_relaxed); }

  std::atomic<State> state_{State::Opening};
  std::array<Counter, kCounts> counts_{};
  std::array<Counter, kFailures> failures_{};
  std::array<Counter, kStatuses> statuses_{};
  std::array<Counter, kCloseCodes> closes_{};
};

}  // namespace sockherd::load
