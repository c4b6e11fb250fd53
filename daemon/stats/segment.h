// Segment: the statistics memory of one pool. See page.h for who writes what.
//
// Layout: one header page, `slots` pages of totals, `seats` pages. The supervisor formats it and is
// the only one to take, fold and free seats; readers retry while it does (a sequence lock), so a
// scrape never counts a worker twice or not at all. Pure: it works on memory that the caller
// mapped, and does not own it; sys/shared_memory.h makes and maps the memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/stats/page.h"

namespace sockherd::stats {

// The counters of one slot at one moment, plain.
struct Totals {
  std::array<uint64_t, kCounts> counts{};
  std::array<uint64_t, Histogram::kBuckets> latency{};
  uint64_t latency_sum_ns = 0;

  uint64_t get(Count what) const { return counts[static_cast<size_t>(what)]; }
  // Not below zero when a connection came and went while these were read.
  uint64_t open_connections() const {
    const uint64_t begun = get(Count::ConnectionsAccepted) + get(Count::ConnectionsAdopted);
    const uint64_t ended = get(Count::ConnectionsClosed) + get(Count::ConnectionsGiven);
    return begun > ended ? begun - ended : 0;
  }
  uint64_t open_web_sockets() const {
    return difference(Count::WebSocketsOpened, get(Count::WebSocketsClosed));
  }
  // Tasks of blocking handlers that wait, and that run.
  uint64_t blocking_queued() const {
    return difference(Count::BlockingQueued,
                      get(Count::BlockingStarted) + get(Count::BlockingCancelled));
  }
  uint64_t blocking_running() const {
    return difference(Count::BlockingStarted, get(Count::BlockingEnded));
  }
  // Lanes that are connected to the engine between machines, and what waits for it.
  uint64_t remote_connected() const {
    return difference(Count::RemoteConnects, get(Count::RemoteDisconnects));
  }
  uint64_t remote_queued() const {
    return difference(Count::RemoteQueued,
                      get(Count::RemotePublished) + get(Count::RemoteUnconfirmed));
  }
  // Requests in front of a proxy route that wait for a place, and tunnels behind it.
  uint64_t proxy_queued() const {
    return difference(Count::ProxyQueued, get(Count::ProxyDequeued));
  }
  uint64_t open_tunnels() const {
    return difference(Count::TunnelsOpened, get(Count::TunnelsClosed));
  }
  void add(const Counters& counters);
  void add(const Totals& other);

 private:
  uint64_t difference(Count begun, uint64_t ended) const {
    return get(begun) > ended ? get(begun) - ended : 0;
  }
};

class Segment {
 public:
  // Bytes that a segment of this shape takes.
  static size_t size_bytes(uint32_t slots, uint32_t seats);

  // Formats zeroed memory of size_bytes(slots, seats); at most 4096 seats. The supervisor's side.
  static Segment format(std::span<std::byte> memory, uint32_t slots, uint32_t seats);

  // A segment that somebody else has formatted; read-only memory will do for readers.
  // Errors: another layout version, or memory shorter than the header says.
  static Result<Segment> attach(std::span<std::byte> memory);

  uint32_t slots() const { return slots_; }
  uint32_t seats() const { return seats_; }

  // Takes a free seat for a new worker, with counters at zero; nothing if all are taken.
  std::optional<uint32_t> take_seat(uint32_t slot, uint32_t generation);
  // Who sits there, once known. For people; nothing is decided by it.
  void set_seat_pid(uint32_t seat, int32_t pid);
  // After the worker has ended: adds its counters to its slot's totals and frees the seat.
  void fold_seat(uint32_t seat);

  // The page of a seat, for the worker that sits on it.
  Page& seat(uint32_t index);
  const Page& seat(uint32_t index) const;

  // The counters of one slot: totals and all live seats. Consistent; spins only while the
  // supervisor is between two stores, and not for ever should it be killed there.
  Totals read_slot(uint32_t slot) const;

  // The same for the slots below `count` in one pass, indexed by slot. Touches no memory of others.
  std::vector<Totals> read_first(uint32_t count) const;

 private:
  struct Header;
  Segment(std::byte* base, uint32_t slots, uint32_t seats)
      : base_(base), slots_(slots), seats_(seats) {}
  Header& header() const;
  Page& page(size_t index) const;

  std::byte* base_;
  // Of the header when we attached: a worker that writes nonsense there moves nobody else.
  uint32_t slots_;
  uint32_t seats_;
};

}  // namespace sockherd::stats
