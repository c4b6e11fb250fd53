// AccessRing: a bounded ring of byte records from one thread to another, without a lock.
//
// One thread pushes, one takes. Neither ever waits for the other: a push that finds no room says
// so, and the record is the caller's loss to count. A record lies in one piece; what is left at the
// end of the memory is skipped. Each side keeps its own copy of the other's position and asks anew
// only when that is not enough, so that the two rarely touch each other's cache line.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace sockherd::worker {

class AccessRing {
 public:
  // bytes: rounded up to a power of two, 4 KiB at least. Memory that was never written to takes
  // none.
  explicit AccessRing(size_t bytes);
  AccessRing(const AccessRing&) = delete;
  AccessRing& operator=(const AccessRing&) = delete;

  size_t capacity() const { return mask_ + 1; }

  // --- the thread that pushes

  // Puts `first` and `second` in as one record. Returns false if there is no room.
  [[nodiscard]] bool push(std::string_view first, std::string_view second);

  // Whether the other side should hurry: more than half of the ring is taken.
  bool is_half_full();

  // --- the thread that takes

  // The oldest record, valid until pop(); nothing if there is none.
  std::optional<std::string_view> front();

  // Requires: front() has returned a record.
  void pop();

 private:
  static constexpr size_t kLine = 64;  // a cache line

  char* at(uint64_t position) const { return memory_.get() + (position & mask_); }
  uint64_t room_at_end(uint64_t position) const { return capacity() - (position & mask_); }
  bool has_room(uint64_t needed);

  size_t mask_;
  std::unique_ptr<char[]> memory_;
  alignas(kLine) std::atomic<uint64_t> pushed_{0};  // position behind the last record
  uint64_t taken_seen_ = 0;                         // of the pushing side
  alignas(kLine) std::atomic<uint64_t> taken_{0};   // position of the oldest record
  uint64_t pushed_seen_ = 0;                        // of the taking side
};

}  // namespace sockherd::worker
