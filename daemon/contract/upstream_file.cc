#include "daemon/contract/upstream_file.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "daemon/base/assert.h"

namespace sockherd::contract {
namespace {

constexpr uint64_t kMagic = 0x7570737472656d21;
constexpr uint32_t kVersion = 2;  // of all that stands in the header file

template <typename Atomic>
void raise_to(Atomic& value, uint32_t least) {
  uint32_t seen = value.load();
  while (seen < least && !value.compare_exchange_weak(seen, least)) {
  }
}

}  // namespace

UpstreamFile UpstreamFile::format(std::span<std::byte> memory) {
  SH_ASSERT(memory.size() >= kBytes);
  new (memory.data()) Header{.magic = kMagic, .version = kVersion, .places = 0, .lanes = 0};
  return UpstreamFile(memory.data());
}

Result<UpstreamFile> UpstreamFile::attach(std::span<std::byte> memory) {
  if (memory.size() < kBytes) return Error{0, "this memory is too short for upstreams"};
  const UpstreamFile file(memory.data());
  if (file.header().magic != kMagic) return Error{0, "this memory is none of upstreams"};
  if (file.header().version != kVersion) {
    return Error{0, "layout version " + std::to_string(file.header().version) +
                        ", this program knows " + std::to_string(kVersion)};
  }
  return file;
}

UpstreamFile::Header& UpstreamFile::header() const {
  return *std::launder(reinterpret_cast<Header*>(base_));
}

UpstreamPlace& UpstreamFile::place(uint32_t place) const {
  SH_ASSERT(place < kUpstreamPlaces);
  return *std::launder(
      reinterpret_cast<UpstreamPlace*>(base_ + kPlacesAt + place * sizeof(UpstreamPlace)));
}

UpstreamLane& UpstreamFile::lane(uint32_t lane) const {
  SH_ASSERT(lane < kUpstreamLanes);
  return *std::launder(
      reinterpret_cast<UpstreamLane*>(base_ + kLanesAt + lane * sizeof(UpstreamLane)));
}

std::atomic<uint32_t>& UpstreamFile::held(uint32_t place, uint32_t lane) const {
  SH_ASSERT(place < kUpstreamPlaces && lane < kUpstreamLanes);
  const size_t index = size_t{place} * kUpstreamLanes + lane;
  return *std::launder(reinterpret_cast<std::atomic<uint32_t>*>(
      base_ + kHeldAt + index * sizeof(std::atomic<uint32_t>)));
}

uint32_t UpstreamFile::places() const {
  return std::min(header().places.load(std::memory_order_acquire), kUpstreamPlaces);
}

uint32_t UpstreamFile::lanes() const {
  return std::min(header().lanes.load(), kUpstreamLanes);
}

// --- the supervisor's side

std::optional<uint32_t> UpstreamFile::settle(uint32_t slot, std::string_view address,
                                             UpstreamState state, int64_t now) {
  std::array<uint64_t, UpstreamPlace::kAddressWords> words{};
  SH_ASSERT(address.size() <= sizeof words);
  std::memcpy(words.data(), address.data(), address.size());
  for (uint32_t number = 0; number < kUpstreamPlaces; ++number) {
    UpstreamPlace& here = place(number);
    if (here.state.load() != static_cast<uint32_t>(UpstreamState::Free) || in_flight(number) > 0) {
      continue;
    }
    // Odd: nobody believes what stands here. It may be odd already: a supervisor that was killed in
    // the middle of this has left it so.
    const uint32_t in_work = here.tenant.load() | 1;
    here.tenant.store(in_work);
    for (size_t i = 0; i < words.size(); ++i) here.address[i].store(words[i]);
    here.address_bytes.store(static_cast<uint32_t>(address.size()));
    here.slot.store(slot);
    here.ejected_until.store(0);
    here.failures.store(0);
    here.ejections.store(0);
    here.probed_at.store(0);
    here.requests.store(0);
    here.failed.store(0);
    here.times_ejected.store(0);
    here.tenant.store(in_work + 1);
    set_state(number, state, now);
    raise_to(header().places, number + 1);
    return number;
  }
  return std::nullopt;
}

void UpstreamFile::set_state(uint32_t number, UpstreamState state, int64_t now) const {
  UpstreamPlace& here = place(number);
  const auto next = static_cast<uint32_t>(state);
  if (here.state.load() == next) return;
  if (state == UpstreamState::Serving) here.serving_since.store(now);
  here.state.store(next);
}

void UpstreamFile::clear_lane(uint32_t number) const {
  for (uint32_t row = 0; row < places(); ++row) held(row, number).store(0);
  UpstreamLane& column = lane(number);
  column.waiting.store(0);
  column.oldest.store(0);
  column.owner.store(0);
}

void UpstreamFile::forget_lanes_of(uint32_t process) const {
  for (uint32_t i = 0; i < lanes(); ++i) {
    if (lane(i).owner.load() >> 16 == process) clear_lane(i);
  }
}

void UpstreamFile::forget_lanes_but(std::span<const uint32_t> processes) const {
  for (uint32_t i = 0; i < lanes(); ++i) {
    const uint64_t owner = lane(i).owner.load();
    const auto is_owner = [owner](uint32_t process) { return owner >> 16 == process; };
    if (owner != 0 && std::none_of(processes.begin(), processes.end(), is_owner)) clear_lane(i);
  }
}

// --- who asks

std::optional<uint32_t> UpstreamFile::join(uint32_t process, uint32_t number) const {
  const uint64_t us = uint64_t{process} << 16 | (number + 1);
  for (uint32_t i = 0; i < kUpstreamLanes; ++i) {
    raise_to(header().lanes, i + 1);  // first: a lane that has an owner is always looked at
    uint64_t nobody = 0;
    if (!lane(i).owner.compare_exchange_strong(nobody, us)) continue;
    return i;
  }
  return std::nullopt;
}

bool UpstreamFile::claim(uint32_t number, uint32_t tenant, uint32_t lane, uint32_t most) const {
  std::atomic<uint32_t>& ours = held(number, lane);
  ours.fetch_add(1);
  // Sequentially consistent, all of it: of two who add themselves at once, one sees both.
  const UpstreamPlace& here = place(number);
  const bool is_his = here.tenant.load() == tenant &&
                      here.state.load() == static_cast<uint32_t>(UpstreamState::Serving);
  if (is_his && (most == 0 || in_flight(number) <= most)) return true;
  ours.fetch_sub(1);
  return false;
}

void UpstreamFile::release(uint32_t number, uint32_t lane) const {
  // 0 where a supervisor that did not know of us has cleared our column.
  std::atomic<uint32_t>& ours = held(number, lane);
  uint32_t seen = ours.load();
  while (seen > 0 && !ours.compare_exchange_weak(seen, seen - 1)) {
  }
}

// --- both

UpstreamFile::Tenant UpstreamFile::tenant(uint32_t number) const {
  const UpstreamPlace& here = place(number);
  Tenant found{.place = number};
  const uint32_t before = here.tenant.load();
  if (before % 2 != 0) return found;
  std::array<uint64_t, UpstreamPlace::kAddressWords> words{};
  for (size_t i = 0; i < words.size(); ++i) words[i] = here.address[i].load();
  const size_t bytes = std::min<size_t>(here.address_bytes.load(), sizeof words);
  found.slot = here.slot.load();
  found.serving_since = here.serving_since.load();
  const uint32_t state = here.state.load();
  if (here.tenant.load() != before || state > static_cast<uint32_t>(UpstreamState::Leaving)) {
    return found;
  }
  found.tenant = before;
  found.state = static_cast<UpstreamState>(state);
  found.address.assign(reinterpret_cast<const char*>(words.data()), bytes);
  return found;
}

uint32_t UpstreamFile::in_flight(uint32_t number) const {
  const uint32_t lanes = this->lanes();
  uint32_t sum = 0;
  for (uint32_t i = 0; i < lanes; ++i) sum += held(number, i).load();
  return sum;
}

uint32_t UpstreamFile::waiting() const {
  const uint32_t lanes = this->lanes();
  uint32_t sum = 0;
  for (uint32_t i = 0; i < lanes; ++i) sum += lane(i).waiting.load();
  return sum;
}

bool UpstreamFile::waits_since_before(int64_t time, int64_t no_longer_than, uint32_t but) const {
  const uint32_t lanes = this->lanes();
  for (uint32_t i = 0; i < lanes; ++i) {
    const int64_t oldest = lane(i).oldest.load(std::memory_order_relaxed);
    if (i != but && oldest != 0 && oldest < time && oldest >= no_longer_than) return true;
  }
  return false;
}

}  // namespace sockherd::contract
