#include "daemon/stats/segment.h"

#include <array>
#include <new>
#include <thread>

namespace sockherd::stats {
namespace {

constexpr uint64_t kMagic = 0x7374617468657264;  // "statherd"
constexpr uint32_t kVersion = 6;  // of the layout: Header, Page and the order of Count
constexpr size_t kPageBytes = sizeof(Page);
constexpr uint32_t kMaxSeats = 4096;

// How often a reader tries again before it takes what it has. A pass costs about a microsecond and
// the supervisor holds the lock for less, so this is only reached when the supervisor was killed
// in between; its successor's first change frees the lock.
constexpr int kMaxTries = 100'000;
constexpr int kTriesBeforeYield = 16;

// Stores of the supervisor are releases and loads of readers acquires, so a reader that saw one of
// the stores also sees the sequence that was set before it. Fences would say the same, but
// ThreadSanitizer does not know them.
void add_to(std::atomic<uint64_t>& total, uint64_t by) {
  total.store(total.load(std::memory_order_relaxed) + by, std::memory_order_release);
}

void clear(Counters& counters) {
  for (auto& count : counters.counts) count.store(0, std::memory_order_release);
  for (auto& bucket : counters.latency) bucket.store(0, std::memory_order_release);
  counters.latency_sum_ns.store(0, std::memory_order_release);
}

void add_all(Counters& totals, const Totals& ended) {
  for (size_t i = 0; i < kCounts; ++i) add_to(totals.counts[i], ended.counts[i]);
  for (size_t i = 0; i < Histogram::kBuckets; ++i) add_to(totals.latency[i], ended.latency[i]);
  add_to(totals.latency_sum_ns, ended.latency_sum_ns);
}

// WriteLock: makes the sequence odd for as long as it lives. One writer only.
class WriteLock {
 public:
  explicit WriteLock(std::atomic<uint32_t>& sequence) : sequence_(sequence) {
    // Odd already where the supervisor before us was killed in here: then it stays so.
    sequence_.store(sequence_.load(std::memory_order_relaxed) | 1, std::memory_order_relaxed);
  }
  ~WriteLock() {
    sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;

 private:
  std::atomic<uint32_t>& sequence_;
};

// Runs `read` until no write came between its start and its end.
template <typename Read>
auto read_consistently(const std::atomic<uint32_t>& sequence, Read read) {
  for (int tries = 1;; ++tries) {
    const uint32_t before = sequence.load(std::memory_order_acquire);
    auto result = read();
    const uint32_t after = sequence.load(std::memory_order_relaxed);
    if ((before == after && before % 2 == 0) || tries == kMaxTries) return result;
    // A writer that lost its CPU in between needs one to go on.
    if (tries % kTriesBeforeYield == 0) std::this_thread::yield();
  }
}

}  // namespace

struct Segment::Header {
  uint64_t magic;
  uint32_t version;
  uint32_t slots;
  uint32_t seats;
  std::atomic<uint32_t> sequence;
  // One bit a taken seat. In one place, so that nobody touches the pages of empty seats: memory
  // that was never touched costs nothing, and most seats of most pools stay empty for ever.
  std::array<std::atomic<uint64_t>, kMaxSeats / 64> taken;

  bool is_taken(uint32_t seat) const {
    return (taken[seat / 64].load(std::memory_order_acquire) >> (seat % 64) & 1) != 0;
  }
  void set_taken(uint32_t seat, bool is_taken) {
    const uint64_t bit = uint64_t{1} << (seat % 64);
    const uint64_t others = taken[seat / 64].load(std::memory_order_relaxed) & ~bit;
    taken[seat / 64].store(is_taken ? others | bit : others, std::memory_order_release);
  }
};

// Backwards, so that a connection that comes and goes meanwhile is not seen closed but never
// opened.
void Totals::add(const Counters& counters) {
  for (size_t i = kCounts; i-- > 0;)
    counts[i] += counters.counts[i].load(std::memory_order_acquire);
  for (size_t i = 0; i < Histogram::kBuckets; ++i)
    latency[i] += counters.latency[i].load(std::memory_order_acquire);
  latency_sum_ns += counters.latency_sum_ns.load(std::memory_order_acquire);
}

void Totals::add(const Totals& other) {
  for (size_t i = 0; i < kCounts; ++i) counts[i] += other.counts[i];
  for (size_t i = 0; i < Histogram::kBuckets; ++i) latency[i] += other.latency[i];
  latency_sum_ns += other.latency_sum_ns;
}

size_t Segment::size_bytes(uint32_t slots, uint32_t seats) {
  return kPageBytes * (size_t{1} + slots + seats);
}

Segment Segment::format(std::span<std::byte> memory, uint32_t slots, uint32_t seats) {
  static_assert(sizeof(Header) <= kPageBytes);
  SH_ASSERT(memory.size() >= size_bytes(slots, seats));
  SH_ASSERT(seats <= kMaxSeats);
  // Zeroed memory is what a new Page looks like, so the pages are left untouched.
  new (memory.data()) Header{kMagic, kVersion, slots, seats, {}, {}};
  return {memory.data(), slots, seats};
}

Result<Segment> Segment::attach(std::span<std::byte> memory) {
  if (memory.size() < kPageBytes)
    return Error{0,
                 "statistics: memory of " + std::to_string(memory.size()) + " bytes is no segment"};
  const auto* header = std::launder(reinterpret_cast<const Header*>(memory.data()));
  if (header->magic != kMagic) return Error{0, "statistics: this memory is no segment"};
  if (header->version != kVersion)
    return Error{0, "statistics: layout version " + std::to_string(header->version) +
                        ", this program knows " + std::to_string(kVersion)};
  const uint32_t slots = header->slots;
  const uint32_t seats = header->seats;
  if (seats > kMaxSeats)
    return Error{0, "statistics: " + std::to_string(seats) + " seats are more than there can be"};
  if (memory.size() < size_bytes(slots, seats))
    return Error{0, "statistics: memory of " + std::to_string(memory.size()) +
                        " bytes is shorter than " + std::to_string(slots) + " slots and " +
                        std::to_string(seats) + " seats"};
  return Segment(memory.data(), slots, seats);
}

Segment::Header& Segment::header() const {
  return *std::launder(reinterpret_cast<Header*>(base_));
}

Page& Segment::page(size_t index) const {
  SH_ASSERT(index < size_t{slots_} + seats_);
  return *std::launder(reinterpret_cast<Page*>(base_ + kPageBytes * (index + 1)));
}

Page& Segment::seat(uint32_t index) {
  SH_ASSERT(index < seats_);
  return page(size_t{slots_} + index);
}

const Page& Segment::seat(uint32_t index) const {
  SH_ASSERT(index < seats_);
  return page(size_t{slots_} + index);
}

std::optional<uint32_t> Segment::take_seat(uint32_t slot, uint32_t generation) {
  SH_ASSERT(slot < slots_);
  for (uint32_t i = 0; i < seats_; ++i) {
    if (header().is_taken(i)) continue;
    Page& free = seat(i);
    const WriteLock lock(header().sequence);
    clear(free.counters);
    free.slot.store(slot, std::memory_order_release);
    free.generation.store(generation, std::memory_order_release);
    free.pid.store(0, std::memory_order_release);
    header().set_taken(i, true);
    return i;
  }
  return std::nullopt;
}

void Segment::set_seat_pid(uint32_t seat_index, int32_t pid) {
  seat(seat_index).pid.store(pid, std::memory_order_relaxed);
}

void Segment::fold_seat(uint32_t seat_index) {
  Page& ended = seat(seat_index);
  if (!header().is_taken(seat_index)) return;
  Totals counted;
  counted.add(ended.counters);
  // The kernel has closed what was open.
  counted.counts[static_cast<size_t>(Count::ConnectionsClosed)] += counted.open_connections();
  counted.counts[static_cast<size_t>(Count::WebSocketsClosed)] += counted.open_web_sockets();
  // What waited or ran there is gone with it.
  counted.counts[static_cast<size_t>(Count::BlockingCancelled)] += counted.blocking_queued();
  counted.counts[static_cast<size_t>(Count::BlockingEnded)] += counted.blocking_running();
  counted.counts[static_cast<size_t>(Count::RemoteDisconnects)] += counted.remote_connected();
  counted.counts[static_cast<size_t>(Count::RemoteUnconfirmed)] += counted.remote_queued();
  const uint32_t slot = ended.slot.load(std::memory_order_relaxed);
  const WriteLock lock(header().sequence);
  // Workers can write these pages, so a number from there is not trusted as an index.
  if (slot < slots_) add_all(page(slot).counters, counted);
  header().set_taken(seat_index, false);
}

Totals Segment::read_slot(uint32_t slot) const {
  SH_ASSERT(slot < slots_);
  return read_consistently(header().sequence, [&] {
    Totals sum;
    for (uint32_t i = 0; i < seats_; ++i) {
      if (!header().is_taken(i)) continue;
      const Page& taken = seat(i);
      if (taken.slot.load(std::memory_order_acquire) == slot) sum.add(taken.counters);
    }
    sum.add(page(slot).counters);
    return sum;
  });
}

std::vector<Totals> Segment::read_first(uint32_t count) const {
  SH_ASSERT(count <= slots_);
  return read_consistently(header().sequence, [&] {
    std::vector<Totals> first(count);
    for (uint32_t i = 0; i < seats_; ++i) {
      if (!header().is_taken(i)) continue;
      const Page& taken = seat(i);
      const uint32_t slot = taken.slot.load(std::memory_order_acquire);
      if (slot < count) first[slot].add(taken.counters);
    }
    for (uint32_t slot = 0; slot < count; ++slot) first[slot].add(page(slot).counters);
    return first;
  });
}

}  // namespace sockherd::stats
