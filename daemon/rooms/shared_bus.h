// SharedBus: the bus between the lanes of one pool on one machine: rings in shared memory
// (contract/bus_file.h, ring.h), and a bell.
//
// A lane writes into the ring of its seat and reads those of all others. Nobody waits for anybody:
// whoever is too slow misses what was written over, and counts it. The bell is one eventfd that
// every lane waits for by its edges, so that one write wakes all and nobody ever reads it; it is
// rung once a turn by who has published. Where nobody else listens, nothing is written.
//
// How much is delivered in one turn is bounded, so that a flood does not keep the lane from its
// connections; no sender keeps it from others.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/contract/bus_file.h"
#include "daemon/io/loop.h"
#include "daemon/rooms/bus.h"
#include "daemon/rooms/hub.h"
#include "daemon/rooms/ring.h"
#include "daemon/stats/page.h"
#include "daemon/sys/shared_memory.h"

namespace sockherd::rooms {

class SharedBus final : public Bus, private io::Watcher {
 public:
  struct Setup {
    UniqueFd file;  // of contract/bus_file.h
    UniqueFd bell;
    uint32_t seat = 0;        // nobody else's
    uint64_t ring_bytes = 0;  // of our ring; made a power of two
  };

  // Hears what is published from now on. hub, loop: outlive this.
  // Errors: a file of another version, a seat that it does not have, no memory to map it.
  static Result<std::unique_ptr<SharedBus>> create(Setup setup, io::Loop& loop, Hub& hub,
                                                   stats::Counters& counters);
  ~SharedBus() override;

  void publish(std::string_view room, const Message& message) override;
  void end_turn() override;

  // The same for all lanes of the pool on this machine, and for nobody else.
  const contract::BusFile::Instance& instance() const { return file_.instance(); }

 private:
  struct Source {
    uint32_t seat;
    RingReader reader;
    sys::Mapping memory;
  };

  SharedBus(Setup setup, sys::Mapping head, contract::BusFile file, Hub& hub,
            stats::Counters& counters);
  void on_ready(io::Events events) override;
  void find_sources(bool is_start);
  bool read(Source& source, size_t& budget);
  bool deliver(Source& source, const RingReader::Header& header, std::string_view room);
  bool map(Source& source);
  bool open_writer();
  Result<sys::Mapping> map_ring(uint32_t seat, uint64_t bytes, sys::Access access) const;

  Setup setup_;
  sys::Mapping head_;
  contract::BusFile file_;
  Hub& hub_;
  stats::Counters& counters_;
  io::Watch watch_;
  std::vector<Source> sources_;
  size_t next_ = 0;  // which of them is read first
  // Of this turn:
  std::string heard_;  // the room that has had the last message
  size_t beyond_ = 0;  // how many more of one room, when the budget is spent
  sys::Mapping ring_;
  std::optional<RingWriter> writer_;  // of ring_
  bool has_news_ = false;             // for the others
};

}  // namespace sockherd::rooms
