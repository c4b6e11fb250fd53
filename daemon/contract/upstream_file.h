// The memory file by which all lanes that ask the same upstream agree whom to ask next: who stands
// behind a proxy route, and how much each of them has in flight, of all who ask.
//
//   header                      one page: version, who asks (lanes)
//   UpstreamPlace x kPlaces     a worker, or a fixed address; written by the supervisor
//   held[kPlaces][kLanes]       requests that a lane has in flight there; written by that lane only
//
// What is in flight at a place is the sum over its row. So nothing is ever left behind: when a lane
// has died, its column is cleared (forget_lanes_of), and all is right again. A lane that wants no
// more than `most` at a place adds itself first and looks at the sum then (claim): two who do that
// at once see each other, and at worst both go elsewhere.
//
// The supervisor makes the file and keeps it (fd store), one for each key (config::upstream_key). A
// worker that was passed none makes one of its own, for fixed addresses. Lock-free; whoever writes
// nonsense there moves nobody else: all that is read is checked.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "daemon/base/bounds.h"
#include "daemon/base/result.h"

namespace sockherd::contract {

inline constexpr uint32_t kUpstreamPlaces = kMostWorkers;
// Twice as many as may be configured: in a reload old and new threads have one each.
inline constexpr uint32_t kUpstreamLanes = 2 * kMostSockets;

enum class UpstreamState : uint32_t {
  Free,      // nobody
  Starting,  // not ready yet: is not asked
  Serving,
  Leaving,  // is not asked any more; what is in flight goes on
};

// Written by the supervisor, but for what it says.
struct alignas(256) UpstreamPlace {
  static constexpr size_t kAddressWords = 14;  // a sockaddr_un

  std::atomic<uint32_t> state;  // UpstreamState
  // One more with everybody who takes the place; odd while that is being written down. A connection
  // to somebody else than the present one is of no use.
  std::atomic<uint32_t> tenant;
  std::atomic<uint32_t> slot;
  std::atomic<uint32_t> address_bytes;
  std::array<std::atomic<uint64_t>, kAddressWords> address;  // a sockaddr
  std::atomic<int64_t> serving_since;                        // nanoseconds, CLOCK_MONOTONIC

  // Written by whoever asks.
  alignas(64) std::atomic<int64_t> ejected_until;  // nanoseconds, CLOCK_MONOTONIC
  std::atomic<uint32_t> failures;                  // in a row
  std::atomic<uint32_t> ejections;                 // in a row
  std::atomic<int64_t> probed_at;  // who comes first takes it over: compare_exchange
  std::atomic<uint64_t> requests;
  std::atomic<uint64_t> failed;  // requests that got no answer from it, or half of one
  std::atomic<uint64_t> times_ejected;
};

struct alignas(64) UpstreamLane {
  std::atomic<uint64_t> owner;    // process number << 16 | lane + 1; 0 = nobody
  std::atomic<uint32_t> waiting;  // requests in its queue
  std::atomic<int64_t> oldest;    // since when the first of them waits, CLOCK_MONOTONIC; 0 = none
};

class UpstreamFile {
 public:
  // What is known of who has the place, read at once.
  struct Tenant {
    uint32_t place = 0;
    uint32_t tenant = 0;
    uint32_t slot = 0;
    UpstreamState state = UpstreamState::Free;
    int64_t serving_since = 0;
    std::string address;  // the bytes of a sockaddr
  };

  static constexpr size_t kHeaderBytes = 4096;
  static constexpr size_t kLanesAt = kHeaderBytes;
  static constexpr size_t kPlacesAt = kLanesAt + kUpstreamLanes * sizeof(UpstreamLane);
  static constexpr size_t kHeldAt = kPlacesAt + kUpstreamPlaces * sizeof(UpstreamPlace);
  static constexpr size_t kBytes =
      kHeldAt + size_t{kUpstreamPlaces} * kUpstreamLanes * sizeof(std::atomic<uint32_t>);

  // Formats zeroed memory of kBytes.
  static UpstreamFile format(std::span<std::byte> memory);
  // Errors: another version, or memory that is too short.
  static Result<UpstreamFile> attach(std::span<std::byte> memory);

  // --- the supervisor's side

  // Takes a place that nobody has, and that nobody has anything in flight at. Nothing: all are
  // taken. address: the bytes of a sockaddr, at most 112.
  std::optional<uint32_t> settle(uint32_t slot, std::string_view address, UpstreamState state,
                                 int64_t now);
  void set_state(uint32_t place, UpstreamState state, int64_t now) const;
  // Clears what the lanes of a process that has ended had in flight, and waiting.
  void forget_lanes_of(uint32_t process) const;
  // The same for all processes but these.
  void forget_lanes_but(std::span<const uint32_t> processes) const;

  // --- who asks

  // A column for this lane, for as long as its process lives. Nothing: all are taken.
  std::optional<uint32_t> join(uint32_t process, uint32_t lane) const;

  // Counts one more request at the place, if by that it has at most `most` (0 = any) and still has
  // this tenant, who serves. To be followed by release().
  bool claim(uint32_t place, uint32_t tenant, uint32_t lane, uint32_t most) const;
  void release(uint32_t place, uint32_t lane) const;

  // --- both

  // One past the last place that was ever taken.
  uint32_t places() const;
  // The same of columns.
  uint32_t lanes() const;
  Tenant tenant(uint32_t place) const;  // state Free where it is being written just now
  uint32_t in_flight(uint32_t place) const;
  uint32_t waiting() const;  // in all queues
  // Whether a request of another lane than `but` waits since before that, and since not before
  // `no_longer_than`.
  bool waits_since_before(int64_t time, int64_t no_longer_than, uint32_t but) const;
  UpstreamPlace& place(uint32_t place) const;
  UpstreamLane& lane(uint32_t lane) const;

 private:
  struct Header {
    uint64_t magic;
    uint32_t version;
    std::atomic<uint32_t> places;
    std::atomic<uint32_t> lanes;  // one past the last column that was ever taken
  };

  explicit UpstreamFile(std::byte* base) : base_(base) {}
  Header& header() const;
  std::atomic<uint32_t>& held(uint32_t place, uint32_t lane) const;
  void clear_lane(uint32_t lane) const;

  std::byte* base_;
};

}  // namespace sockherd::contract
