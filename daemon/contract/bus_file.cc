#include "daemon/contract/bus_file.h"

#include <string>

#include "daemon/base/assert.h"

namespace sockherd::contract {

BusFile BusFile::format(std::span<std::byte> memory, uint32_t seats, const Instance& instance) {
  SH_ASSERT(seats <= kMaxBusSeats && memory.size() >= head_bytes(seats));
  new (memory.data()) Header{kBusMagic, kBusVersion, seats, instance, {}, {}};
  return {memory.data(), seats};
}

Result<uint32_t> BusFile::seats_of(std::span<const std::byte> memory) {
  if (memory.size() < kHeaderBytes) return Error{0, "this memory is too short for a bus"};
  const auto* header = std::launder(reinterpret_cast<const Header*>(memory.data()));
  if (header->magic != kBusMagic) return Error{0, "this memory is no bus"};
  if (header->version != kBusVersion) {
    return Error{0, "layout version " + std::to_string(header->version) + ", this program knows " +
                        std::to_string(kBusVersion)};
  }
  const uint32_t seats = header->seats;
  if (seats > kMaxBusSeats) return Error{0, std::to_string(seats) + " seats are too many"};
  return seats;
}

Result<BusFile> BusFile::attach(std::span<std::byte> memory) {
  const uint32_t seats = TRY(seats_of(memory));
  if (memory.size() < head_bytes(seats)) {
    return Error{0, "memory of " + std::to_string(memory.size()) + " bytes is too short for " +
                        std::to_string(seats) + " seats"};
  }
  return BusFile(memory.data(), seats);
}

RingControl& BusFile::control(uint32_t seat) const {
  SH_ASSERT(seat < seats_);
  return *std::launder(
      reinterpret_cast<RingControl*>(base_ + kHeaderBytes + seat * sizeof(RingControl)));
}

void BusFile::set(Seats& of, uint32_t seat, bool is_on) {
  const uint64_t bit = uint64_t{1} << (seat % 64);
  if (is_on) {
    of[seat / 64].fetch_or(bit);
  } else {
    of[seat / 64].fetch_and(~bit);
  }
}

bool BusFile::has_others(uint32_t than) const {
  for (uint32_t word = 0; word * 64 < seats_; ++word) {
    const uint64_t us = word == than / 64 ? uint64_t{1} << (than % 64) : 0;
    if ((header().present[word].load(std::memory_order_relaxed) & ~us) != 0) return true;
  }
  return false;
}

}  // namespace sockherd::contract
