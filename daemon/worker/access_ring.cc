#include "daemon/worker/access_ring.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "daemon/base/assert.h"

namespace sockherd::worker {
namespace {

constexpr size_t kLeastBytes = 4096;

// In front of each record stands its size; this one says that the rest of the memory is skipped.
using Size = uint32_t;
constexpr Size kSkip = UINT32_MAX;
constexpr uint64_t kAlignment = 8;  // so that a size never wraps

uint64_t stride_of(uint64_t record_bytes) {
  return (sizeof(Size) + record_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

AccessRing::AccessRing(size_t bytes)
    : mask_(std::bit_ceil(std::max(bytes, kLeastBytes)) - 1),
      memory_(std::make_unique_for_overwrite<char[]>(mask_ + 1)) {}

bool AccessRing::has_room(uint64_t needed) {
  const uint64_t end = pushed_.load(std::memory_order_relaxed) + needed;
  if (end - taken_seen_ <= capacity()) return true;
  taken_seen_ = taken_.load(std::memory_order_acquire);
  return end - taken_seen_ <= capacity();
}

bool AccessRing::push(std::string_view first, std::string_view second) {
  const uint64_t bytes = first.size() + second.size();
  const uint64_t stride = stride_of(bytes);
  if (stride > capacity()) return false;
  uint64_t position = pushed_.load(std::memory_order_relaxed);
  const uint64_t left = room_at_end(position);
  const uint64_t skipped = left < stride ? left : 0;
  if (!has_room(skipped + stride)) return false;
  if (skipped != 0) {
    std::memcpy(at(position), &kSkip, sizeof kSkip);
    position += skipped;
  }
  const auto size = static_cast<Size>(bytes);
  char* into = at(position);
  std::memcpy(into, &size, sizeof size);
  std::memcpy(into + sizeof size, first.data(), first.size());
  if (!second.empty()) std::memcpy(into + sizeof size + first.size(), second.data(), second.size());
  pushed_.store(position + stride, std::memory_order_release);
  return true;
}

bool AccessRing::is_half_full() {
  const uint64_t end = pushed_.load(std::memory_order_relaxed);
  const uint64_t half = capacity() / 2;
  if (end - taken_seen_ <= half) return false;
  taken_seen_ = taken_.load(std::memory_order_acquire);
  return end - taken_seen_ > half;
}

std::optional<std::string_view> AccessRing::front() {
  for (;;) {
    const uint64_t position = taken_.load(std::memory_order_relaxed);
    if (position == pushed_seen_) {
      pushed_seen_ = pushed_.load(std::memory_order_acquire);
      if (position == pushed_seen_) return std::nullopt;
    }
    Size size = 0;
    std::memcpy(&size, at(position), sizeof size);
    if (size != kSkip) return std::string_view(at(position) + sizeof size, size);
    taken_.store(position + room_at_end(position), std::memory_order_release);
  }
}

void AccessRing::pop() {
  const uint64_t position = taken_.load(std::memory_order_relaxed);
  SH_ASSERT(position != pushed_seen_);
  Size size = 0;
  std::memcpy(&size, at(position), sizeof size);
  taken_.store(position + stride_of(size), std::memory_order_release);
}

}  // namespace sockherd::worker
