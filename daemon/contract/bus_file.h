// The memory file by which the lanes of a pool hear each other: who hears it, and a ring for each
// seat (the seats are those of the statistics segment).
//
//   header                     one page
//   RingControl x seats        touched where the seat has ever sent
//   ring x seats, kRingStride  only the first bytes of it are used, as its control says
//
// The file is sparse: memory is where somebody has written. The supervisor makes it, keeps it, and
// clears the presence of who has ended; all else is the lanes' affair (daemon/rooms/ring.h).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

#include "daemon/base/result.h"

namespace sockherd::contract {

inline constexpr uint64_t kBusMagic = 0x6275736865726421;
inline constexpr uint32_t kBusVersion = 1;  // of all that is said here
inline constexpr uint32_t kMaxBusSeats = 4096;
inline constexpr uint64_t kRingStride = uint64_t{64} << 20;  // the largest ring
inline constexpr size_t kRingParts = 16;

// Written by the lane that sits on the seat.
struct alignas(256) RingControl {
  std::atomic<uint64_t> head;      // where the next message begins, and its number modulo 8
  std::atomic<uint64_t> reserved;  // bytes up to here may be written just now
  std::atomic<uint64_t> count;     // messages ever sent; ahead of `head` for a moment
  std::atomic<uint64_t> shape;     // changes << 8 | log2 of the ring's bytes; 0 bytes: it changes
  std::atomic<uint64_t> begin;     // where the ring of this shape began
  std::atomic<uint64_t> begin_count;                    // and the number of its first message
  std::array<std::atomic<uint64_t>, kRingParts> parts;  // where the first message in each part is
};

class BusFile {
 public:
  using Instance = std::array<uint64_t, 2>;
  using Seats = std::array<std::atomic<uint64_t>, kMaxBusSeats / 64>;  // a bit each

  // Bytes of header and controls, which are all that is mapped for this; and of the whole file.
  static constexpr size_t head_bytes(uint32_t seats) {
    constexpr size_t kPage = 4096;
    return (kPage + seats * sizeof(RingControl) + kPage - 1) / kPage * kPage;
  }
  static constexpr uint64_t file_bytes(uint32_t seats) {
    return head_bytes(seats) + seats * kRingStride;
  }
  static constexpr uint64_t ring_offset(uint32_t seats, uint32_t seat) {
    return head_bytes(seats) + seat * kRingStride;
  }

  // Formats zeroed memory of head_bytes(seats). instance: of this pool on this machine, random.
  static BusFile format(std::span<std::byte> memory, uint32_t seats, const Instance& instance);
  // Errors: another version, or memory that is too short.
  static Result<BusFile> attach(std::span<std::byte> memory);
  // Enough memory for attach() to tell how many seats there are.
  static constexpr size_t kHeaderBytes = 4096;
  static Result<uint32_t> seats_of(std::span<const std::byte> header);

  uint32_t seats() const { return seats_; }
  const Instance& instance() const { return header().instance; }

  RingControl& control(uint32_t seat) const;

  // Who takes messages out of the rings: if nobody else does, none are put in.
  void set_present(uint32_t seat, bool is_present) const {
    set(header().present, seat, is_present);
  }
  bool is_present(uint32_t seat) const { return is_set(header().present, seat); }
  bool has_others(uint32_t than) const;

  // Who has ever sent. For ever: the numbers of its messages go on.
  void set_sender(uint32_t seat) const { set(header().senders, seat, true); }
  const Seats& senders() const { return header().senders; }
  static bool is_set(const Seats& of, uint32_t seat) {
    return (of[seat / 64].load(std::memory_order_acquire) >> (seat % 64) & 1) != 0;
  }

 private:
  struct Header {
    uint64_t magic;
    uint32_t version;
    uint32_t seats;
    Instance instance;
    Seats present;
    Seats senders;
  };
  static_assert(sizeof(Header) <= kHeaderBytes);

  BusFile(std::byte* base, uint32_t seats) : base_(base), seats_(seats) {}
  Header& header() const { return *std::launder(reinterpret_cast<Header*>(base_)); }
  static void set(Seats& of, uint32_t seat, bool is_on);

  std::byte* base_;
  uint32_t seats_;  // when we attached: whoever writes nonsense there moves nobody else
};

}  // namespace sockherd::contract
