#include "daemon/rooms/ring.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "daemon/base/assert.h"

namespace sockherd::rooms {
namespace {

constexpr uint64_t kHeaderBytes = 16;
constexpr uint64_t kNumberMask = 7;  // of `head`: positions are multiples of 8

// Kinds in a record, beside those of messages.
constexpr uint64_t kPassOver = 2;  // its payload is what somebody had begun to write

constexpr unsigned kMaxTries = 16;

constexpr uint64_t to_words(uint64_t bytes) {
  return (bytes + 7) / 8 * 8;
}

constexpr uint64_t second_word(uint64_t payload, uint64_t room, uint64_t kind) {
  return payload << 32 | room << 8 | kind;
}

// The number that a count has where `head` says it modulo 8: it is set just before.
constexpr uint64_t count_at(uint64_t head, uint64_t count) {
  return count - ((count - head) & kNumberMask);
}

}  // namespace

uint64_t ring_bytes(uint64_t wanted) {
  constexpr uint64_t kSmallest = 4096;
  return std::bit_ceil(std::clamp(wanted, kSmallest, contract::kRingStride));
}

uint64_t ring_bytes_of_shape(uint64_t shape) {
  const uint64_t log = shape & 0xff;
  const uint64_t bytes = log == 0 || log > 63 ? 0 : uint64_t{1} << log;
  return bytes >= ring_bytes(0) && bytes <= contract::kRingStride ? bytes : 0;
}

// --- The writer

RingWriter::RingWriter(contract::RingControl& control, RingWords words)
    : control_(control), words_(words) {
  SH_ASSERT(ring_bytes(words.size_bytes()) == words.size_bytes());
  const uint64_t head = control_.head.load(std::memory_order_acquire);
  head_ = head & ~kNumberMask;
  count_ = count_at(head, control_.count.load(std::memory_order_acquire));
  control_.count.store(count_, std::memory_order_release);
  const uint64_t shape = control_.shape.load(std::memory_order_acquire);
  if (ring_bytes_of_shape(shape) == words_.size_bytes()) {
    recover();
  } else {
    reshape();
  }
}

// What a writer that was killed has begun is passed over.
void RingWriter::recover() {
  const uint64_t reserved = control_.reserved.load(std::memory_order_acquire);
  if (reserved <= head_) return;
  const uint64_t bytes = reserved - head_;
  begin_record(head_, bytes);
  words_[head_ / 8 & (words_.size() - 1)].store(count_, std::memory_order_release);
  words_[(head_ / 8 + 1) & (words_.size() - 1)].store(
      second_word(bytes - kHeaderBytes, 0, kPassOver), std::memory_order_release);
  end_record(bytes, count_);
}

// Nobody reads between the two.
void RingWriter::reshape() {
  const uint64_t changes = control_.shape.load(std::memory_order_relaxed) >> 8;
  control_.shape.store(changes << 8, std::memory_order_release);
  head_ = std::max(head_, control_.reserved.load(std::memory_order_relaxed));
  control_.reserved.store(head_, std::memory_order_release);
  control_.head.store(head_ | (count_ & kNumberMask), std::memory_order_release);
  control_.begin.store(head_, std::memory_order_release);
  control_.begin_count.store(count_, std::memory_order_release);
  const auto log = static_cast<uint64_t>(std::countr_zero(words_.size_bytes()));
  control_.shape.store((changes + 1) << 8 | log, std::memory_order_release);
}

void RingWriter::begin_record(uint64_t at, uint64_t bytes) {
  control_.reserved.store(at + bytes, std::memory_order_release);
  const uint64_t part = at / (words_.size_bytes() / contract::kRingParts);
  if (part == last_part_) return;
  last_part_ = part;
  control_.parts[part % contract::kRingParts].store(at, std::memory_order_release);
}

void RingWriter::end_record(uint64_t bytes, uint64_t count) {
  head_ += bytes;
  count_ = count;
  control_.count.store(count_, std::memory_order_release);
  control_.head.store(head_ | (count_ & kNumberMask), std::memory_order_release);
}

void RingWriter::put(uint64_t& at, std::string_view bytes) {
  const auto store = [this, &at](uint64_t word) {
    words_[at / 8 & (words_.size() - 1)].store(word, std::memory_order_release);
    at += 8;
  };
  uint64_t word = 0;
  for (; bytes.size() >= sizeof word; bytes.remove_prefix(sizeof word)) {
    std::memcpy(&word, bytes.data(), sizeof word);
    store(word);
  }
  if (bytes.empty()) return;
  word = 0;
  std::memcpy(&word, bytes.data(), bytes.size());
  store(word);
}

bool RingWriter::write(std::string_view room, websocket::Kind kind, std::string_view payload) {
  const uint64_t bytes = kHeaderBytes + to_words(room.size()) + to_words(payload.size());
  if (bytes > words_.size_bytes() / 4) return false;
  begin_record(head_, bytes);
  uint64_t at = head_;
  const uint64_t header[] = {count_,
                             second_word(payload.size(), room.size(), static_cast<uint64_t>(kind))};
  put(at, {reinterpret_cast<const char*>(header), sizeof header});
  put(at, room);
  put(at, payload);
  end_record(bytes, count_ + 1);
  return true;
}

// --- The reader

RingReader RingReader::from_now(const contract::RingControl& control) {
  RingReader reader(control);
  reader.shape_ = reader.shape();
  constexpr int kTries = 1000;  // it was written meanwhile: a message takes longer than this
  for (int i = 0; i < kTries; ++i) {
    const uint64_t head = control.head.load(std::memory_order_acquire);
    const uint64_t count = control.count.load(std::memory_order_acquire);
    reader.cursor_ = head & ~kNumberMask;
    reader.expected_ = count_at(head, count);
    if (control.head.load(std::memory_order_acquire) == head) break;
  }
  return reader;
}

RingReader RingReader::from_the_beginning(const contract::RingControl& control) {
  return RingReader(control);
}

void RingReader::reset(RingWords words, uint64_t shape) {
  words_ = words;
  if (shape == shape_) return;
  const uint64_t begin = control_->begin.load(std::memory_order_acquire);
  const uint64_t count = control_->begin_count.load(std::memory_order_acquire);
  if (this->shape() != shape) return;  // it has changed again
  shape_ = shape;
  if (count > expected_) missed_ += count - expected_;
  cursor_ = begin;
  expected_ = count;
}

bool RingReader::is_written_over(uint64_t at) const {
  return control_->reserved.load(std::memory_order_acquire) - at > bytes() || shape() != shape_;
}

// To the oldest message that is there, or a younger one where that may not be there for long.
bool RingReader::catch_up() {
  const uint64_t part = bytes() / contract::kRingParts;
  for (uint64_t slack = part; slack <= bytes() / 2; slack *= 2) {
    const uint64_t reserved = control_->reserved.load(std::memory_order_acquire);
    const uint64_t head = control_->head.load(std::memory_order_acquire) & ~kNumberMask;
    const uint64_t oldest = reserved > bytes() ? reserved - bytes() + slack : 0;
    uint64_t best = head;
    for (const auto& first : control_->parts) {
      const uint64_t at = first.load(std::memory_order_acquire);
      if (at > cursor_ && at >= oldest) best = std::min(best, at);
    }
    if (best == head) continue;
    cursor_ = best;
    return true;
  }
  return false;
}

RingReader::Next RingReader::peek(Header& header, char* room) {
  for (unsigned tries = 0; tries < kMaxTries; ++tries) {
    const uint64_t shape = this->shape();
    if (ring_bytes_of_shape(shape) == 0) return Next::Nothing;
    if (shape != shape_ || words_.empty()) return Next::Reshaped;
    const uint64_t head = control_->head.load(std::memory_order_acquire) & ~kNumberMask;
    if (head <= cursor_) return Next::Nothing;
    const uint64_t number = word(cursor_);
    const uint64_t second = word(cursor_ + 8);
    header = {.number = number,
              .kind = static_cast<websocket::Kind>(second & 1),
              .room_bytes = second >> 8 & 0xff,
              .payload_bytes = second >> 32};
    copy(cursor_ + kHeaderBytes, room, header.room_bytes);
    if (is_written_over(cursor_)) {
      if (catch_up()) continue;
      if (std::exchange(busy_head_, head) != head) return Next::Busy;
      cursor_ = head;  // nobody writes: somebody has written nonsense there
      return Next::Nothing;
    }
    const uint64_t size = record_bytes(header);
    if (size > head - cursor_) {  // nonsense: the next number says what it was
      cursor_ = head;
    } else if ((second & 0xff) == kPassOver) {
      cursor_ += size;
    } else {
      return Next::Message;
    }
  }
  return Next::Busy;
}

bool RingReader::take(const Header& header, char* payload) {
  copy(cursor_ + kHeaderBytes + to_words(header.room_bytes), payload, header.payload_bytes);
  if (is_written_over(cursor_)) return false;
  skip(header);
  return true;
}

void RingReader::skip(const Header& header) {
  if (header.number > expected_) missed_ += header.number - expected_;
  expected_ = header.number + 1;
  cursor_ += record_bytes(header);
}

uint64_t RingReader::record_bytes(const Header& header) {
  return kHeaderBytes + to_words(header.room_bytes) + to_words(header.payload_bytes);
}

void RingReader::copy(uint64_t at, char* to, size_t bytes) const {
  for (; bytes >= sizeof(uint64_t); bytes -= sizeof(uint64_t), at += 8, to += 8) {
    const uint64_t value = word(at);
    std::memcpy(to, &value, sizeof value);
  }
  if (bytes == 0) return;
  const uint64_t value = word(at);
  std::memcpy(to, &value, bytes);
}

uint64_t RingReader::take_missed() {
  return std::exchange(missed_, 0);
}

}  // namespace sockherd::rooms
