// Counts of outcomes. Every request that was begun ends in exactly one of them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/instant.h"

namespace sockherd::hammer {

enum class Mode : uint8_t { Short, KeepAlive, Slow };
inline constexpr size_t kModes = 3;

enum class Outcome : uint8_t {
  Ok,
  Refused,      // connect: connection refused
  Reset,        // by peer, at whatever point
  Eof,          // closed before the head of the answer was complete
  ShortAnswer,  // closed after the head, before the end of the body
  WrongAnswer,  // complete, but not the status or body asked for, malformed, or with bytes too many
  Timeout,      // connect or answer took longer than --timeout-ms
  ConnectError,  // any other errno of socket, bind or connect
  Unfinished,    // cut off by the second SIGTERM
};
inline constexpr size_t kOutcomes = 9;

struct Failure {
  double at_seconds = 0;  // since the start
  Mode mode = Mode::Short;
  Outcome outcome = Outcome::Ok;
  std::string where;
};

struct ModeTally {
  uint64_t connections = 0;  // that connect() was called for
  std::array<uint64_t, kOutcomes> outcomes{};
  uint64_t slow = 0;         // took longer than --slow-after-ms; among the ok ones
  uint64_t syn_resent = 0;   // connections that somebody dropped the first SYN of
  uint64_t idle_closed = 0;  // closed by the server between requests, which it may do
  std::vector<uint32_t> latencies_us;
};

class Tally {
 public:
  void on_connection(Mode mode) { ++of(mode).connections; }
  void on_syn_resent(Mode mode) { ++of(mode).syn_resent; }
  void on_idle_closed(Mode mode) { ++of(mode).idle_closed; }
  void on_answer(Mode mode, Duration latency, Duration slow_after);
  void on_failure(Failure failure);
  void on_body(const std::string& body);

  uint64_t count(Outcome outcome) const;

  // One line of JSON. Counts leaves the latencies out, which take time to sort under load.
  enum class Detail { Counts, All };
  std::string json(double seconds, Detail detail) const;

 private:
  ModeTally& of(Mode mode) { return modes_[static_cast<size_t>(mode)]; }

  std::array<ModeTally, kModes> modes_;
  std::vector<Failure> first_failures_;
  std::map<std::string, uint64_t> bodies_;
};

}  // namespace sockherd::hammer
