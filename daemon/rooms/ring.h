// Ring: the messages of one sender in shared memory: it writes, any number of others read.
//
// The writer never waits and writes over what is oldest; each reader has a place of its own. One
// that comes too late goes on with what is still there and counts exactly what it has missed:
// messages are numbered. Neither can hold up the other, wherever it is killed: a message is there
// when `head` is behind it; what was begun before is passed over by the seat's next writer.
//
// What a reader copies while it is being written over it throws away: the writer moves `reserved`
// before it writes, the reader looks at it after it has read (a sequence lock). All words are
// written as releases and read as acquires, so one that has seen a new word sees where `reserved`
// was before it. Fences would say the same, but ThreadSanitizer does not know them.
//
// A record: its number; its size, the length of the room's name, and the kind; the name; the
// payload; to full words. It may go around the end.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/contract/bus_file.h"
#include "daemon/websocket/kind.h"

namespace sockherd::rooms {

using RingWords = std::span<std::atomic<uint64_t>>;

// The bytes that a ring of at least `wanted` has: a power of two.
uint64_t ring_bytes(uint64_t wanted);
// The ring's bytes by its control; 0 while that changes, or before anybody has written.
uint64_t ring_bytes_of_shape(uint64_t shape);

class RingWriter {
 public:
  // Goes on where whoever wrote here before has stopped, or was killed. words: a power of two.
  RingWriter(contract::RingControl& control, RingWords words);

  // Returns false where it is larger than a quarter of the ring: who reads would get nothing else.
  bool write(std::string_view room, websocket::Kind kind, std::string_view payload);

 private:
  void recover();
  void reshape();
  void begin_record(uint64_t at, uint64_t bytes);
  void end_record(uint64_t bytes, uint64_t count);
  void put(uint64_t& at, std::string_view bytes);

  contract::RingControl& control_;
  RingWords words_;
  uint64_t head_ = 0;
  uint64_t count_ = 0;
  uint64_t last_part_ = UINT64_MAX;  // in which a record began
};

class RingReader {
 public:
  enum class Next : uint8_t {
    Message,  // peeked at: take() or skip() it
    Nothing,
    Reshaped,  // words of shape() are needed: reset()
    Busy,      // the writer is too fast just now; to be tried again
  };
  struct Header {
    uint64_t number = 0;
    websocket::Kind kind = websocket::Kind::Text;
    size_t room_bytes = 0;
    size_t payload_bytes = 0;
  };

  // From now on what is written later. Or, where nothing had been written when this lane began to
  // listen, all of it.
  static RingReader from_now(const contract::RingControl& control);
  static RingReader from_the_beginning(const contract::RingControl& control);

  // The memory of the ring, as the control says now. Empty: none.
  void reset(RingWords words, uint64_t shape);
  uint64_t shape() const { return control_->shape.load(std::memory_order_acquire); }

  // Looks at the next message: `header` says what it is, `room` (of 256 bytes) its name.
  Next peek(Header& header, char* room);
  // Copies its payload. Returns false where it has been written over meanwhile; it is counted then.
  bool take(const Header& header, char* payload);
  void skip(const Header& header);

  // Messages that were sent and not read, since the last call.
  uint64_t take_missed();

 private:
  explicit RingReader(const contract::RingControl& control) : control_(&control) {}
  bool is_written_over(uint64_t at) const;
  bool catch_up();
  static uint64_t record_bytes(const Header& header);
  void copy(uint64_t at, char* to, size_t bytes) const;
  uint64_t word(uint64_t at) const {
    return words_[at / 8 & (words_.size() - 1)].load(std::memory_order_acquire);
  }
  uint64_t bytes() const { return words_.size() * 8; }

  const contract::RingControl* control_;
  RingWords words_;
  uint64_t shape_ = 0;     // of words_
  uint64_t cursor_ = 0;    // the next record
  uint64_t expected_ = 0;  // its number, if nothing was missed
  uint64_t missed_ = 0;
  uint64_t busy_head_ = UINT64_MAX;
};

}  // namespace sockherd::rooms
