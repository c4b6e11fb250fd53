// EventRing: the last events of the service, numbered, for whoever asks what has happened. Pure.
//
// The numbers go on in the next supervisor, so that a reader can say "since N" for ever; the events
// themselves live as long as this process, and the oldest go when there is no room. A reader is
// told how many he has missed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sockherd::supervisor {

struct Event {
  uint64_t sequence = 0;  // set by the ring
  int64_t time_us = 0;    // Unix time
  std::string_view name;  // of the event table
  std::string_view level;
  std::string pool;  // "" = of none
  std::optional<uint32_t> slot;
  uint64_t generation = 0;  // 0 = of none
  int64_t pid = 0;          // 0 = of none
  std::string detail;       // for people
};

class EventRing {
 public:
  using Counts = std::map<std::string, uint64_t, std::less<>>;  // by name

  explicit EventRing(size_t capacity = 1024) : capacity_(capacity) {}

  // What the supervisors before us have counted.
  void resume(uint64_t next, const Counts& counts);

  void add(Event event);

  struct Page {
    std::vector<Event> events;  // in their order
    uint64_t first = 0;         // the oldest that can be had
    uint64_t next = 0;          // what to ask for after these
    uint64_t lost = 0;          // asked for, and gone
  };
  // At most `limit` events from number `since` on; 0: the last ones. A number that is still to come
  // is from another count (the state was lost): everything there is is new then.
  Page read(uint64_t since, size_t limit) const;

  uint64_t next() const { return next_; }
  const Counts& counts() const { return counts_; }
  uint64_t count(std::string_view name) const;

 private:
  uint64_t first() const { return next_ - ring_.size(); }

  size_t capacity_;
  uint64_t next_ = 1;
  std::deque<Event> ring_;
  Counts counts_;
};

}  // namespace sockherd::supervisor
