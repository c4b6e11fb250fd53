#include "daemon/rooms/ring.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace sockherd::rooms {
namespace {

using contract::RingControl;
using websocket::Kind;
using Next = RingReader::Next;

// Shared with children.
class Memory {
 public:
  explicit Memory(uint64_t bytes = 4096) : bytes_(bytes) {
    base_ = ::mmap(nullptr, kControl + kMost, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                   -1, 0);
    EXPECT_NE(base_, MAP_FAILED);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { ::munmap(base_, kControl + kMost); }

  RingControl& control() { return *static_cast<RingControl*>(base_); }
  RingWords words(uint64_t bytes) {
    auto* first = reinterpret_cast<std::atomic<uint64_t>*>(static_cast<char*>(base_) + kControl);
    return {first, bytes / 8};
  }
  RingWords words() { return words(bytes_); }

 private:
  static constexpr size_t kControl = 4096;
  static constexpr size_t kMost = 1 << 20;
  uint64_t bytes_;
  void* base_;
};

struct Heard {
  uint64_t number;
  std::string room;
  std::string payload;
  bool operator==(const Heard&) const = default;
};

class Reader {
 public:
  Reader(Memory& memory, RingReader reader) : memory_(memory), reader_(reader) {}

  std::optional<Heard> next() {
    std::array<char, 256> room;
    RingReader::Header header;
    for (;;) {
      switch (reader_.peek(header, room.data())) {
        case Next::Nothing:
          return std::nullopt;
        case Next::Reshaped: {
          const uint64_t shape = reader_.shape();
          reader_.reset(memory_.words(ring_bytes_of_shape(shape)), shape);
          continue;
        }
        case Next::Busy:
          continue;
        case Next::Message:
          break;
      }
      std::string payload(header.payload_bytes, '\0');
      if (!reader_.take(header, payload.data())) continue;
      missed += reader_.take_missed();
      return Heard{header.number, {room.data(), header.room_bytes}, payload};
    }
  }
  std::vector<Heard> all() {
    std::vector<Heard> heard;
    while (auto one = next()) heard.push_back(*std::move(one));
    missed += reader_.take_missed();
    return heard;
  }

  uint64_t missed = 0;

 private:
  Memory& memory_;
  RingReader reader_;
};

Reader from_now(Memory& memory) {
  return {memory, RingReader::from_now(memory.control())};
}
Reader from_the_beginning(Memory& memory) {
  return {memory, RingReader::from_the_beginning(memory.control())};
}

TEST(Ring, HandsOnWhatIsWrittenInItsOrder) {
  Memory memory;
  Reader reader = from_the_beginning(memory);
  EXPECT_TRUE(reader.all().empty());
  RingWriter writer(memory.control(), memory.words());
  for (int lap = 0; lap < 100; ++lap) {  // around the end many times, at every offset
    const std::string text(static_cast<size_t>(lap * 7 % 300), static_cast<char>('a' + lap % 26));
    EXPECT_TRUE(writer.write("lobby", Kind::Text, text));
    EXPECT_TRUE(writer.write("r", Kind::Binary, ""));
    const auto number = static_cast<uint64_t>(2 * lap);
    EXPECT_EQ(reader.all(), (std::vector<Heard>{{number, "lobby", text}, {number + 1, "r", ""}}));
  }
  EXPECT_EQ(reader.missed, 0U);
}

TEST(Ring, RefusesWhatIsLargerThanAQuarter) {
  Memory memory;
  Reader reader = from_the_beginning(memory);
  RingWriter writer(memory.control(), memory.words());
  EXPECT_FALSE(writer.write("lobby", Kind::Text, std::string(1024, 'x')));
  EXPECT_TRUE(writer.write("lobby", Kind::Text, std::string(1024 - 24, 'x')));
  EXPECT_EQ(reader.all().size(), 1U);
}

TEST(Ring, WhoComesLaterHearsWhatIsWrittenLater) {
  Memory memory;
  RingWriter writer(memory.control(), memory.words());
  writer.write("r", Kind::Text, "before");
  Reader reader = from_now(memory);
  writer.write("r", Kind::Text, "after");
  EXPECT_EQ(reader.all(), (std::vector<Heard>{{1, "r", "after"}}));
  EXPECT_EQ(reader.missed, 0U);
}

TEST(Ring, WhoIsLappedGoesOnAndCountsWhatItHasMissed) {
  for (const uint64_t written : {200U, 1000U, 12345U}) {
    for (const size_t read_before : {0U, 3U}) {
      Memory memory;
      RingWriter writer(memory.control(), memory.words());
      writer.write("r", Kind::Text, "before us");
      Reader reader = from_now(memory);
      for (size_t i = 0; i < read_before; ++i) {
        writer.write("r", Kind::Text, "x");
        EXPECT_TRUE(reader.next());
      }
      for (uint64_t i = 0; i < written; ++i) {
        writer.write("r", Kind::Text, std::string(i * 13 % 200, 'x'));
      }
      const std::vector<Heard> heard = reader.all();
      ASSERT_FALSE(heard.empty());
      EXPECT_EQ(reader.missed + heard.size(), written);
      for (size_t i = 1; i < heard.size(); ++i) {
        EXPECT_EQ(heard[i].number, heard[i - 1].number + 1);
      }
      EXPECT_EQ(heard.back().number, read_before + written);
      // Most of the ring is still there.
      size_t bytes = 0;
      for (const Heard& each : heard) bytes += 24 + (each.payload.size() + 7) / 8 * 8;
      EXPECT_GE(bytes, 2048U);
      EXPECT_GT(reader.missed, 0U);
    }
  }
}

// Whatever a writer that is killed has done of its last message.
TEST(Ring, TheNextWriterGoesOnBehindOneThatWasKilled) {
  enum Done : int { Nothing, Reserved, Written, Counted };
  for (const Done done : {Nothing, Reserved, Written, Counted}) {
    for (const uint64_t before : {0U, 1U, 7U, 8U, 100U}) {
      Memory memory;
      Reader reader = from_the_beginning(memory);
      RingWriter first(memory.control(), memory.words());
      for (uint64_t i = 0; i < before; ++i) {
        first.write("r", Kind::Text, std::string(i, 'x'));
        ASSERT_TRUE(reader.next());
      }
      RingControl& control = memory.control();
      const uint64_t head = control.head.load() / 8 * 8;
      if (done >= Reserved) control.reserved.store(head + 640);
      for (uint64_t i = 0; i < 80 && done >= Written; ++i) {
        memory.words()[(head / 8 + i) % memory.words().size()].store(0x0123456789abcdef);
      }
      if (done >= Counted) control.count.store(before + 1);
      EXPECT_FALSE(reader.next()) << "it is not there";

      RingWriter second(memory.control(), memory.words());
      second.write("r", Kind::Text, "next");
      EXPECT_EQ(reader.all(), (std::vector<Heard>{{before, "r", "next"}})) << done;
      EXPECT_EQ(reader.missed, 0U);
      Reader late = from_now(memory);
      second.write("r", Kind::Text, "last");
      EXPECT_EQ(late.all(), (std::vector<Heard>{{before + 1, "r", "last"}}));
      EXPECT_EQ(late.missed, 0U);
    }
  }
}

TEST(Ring, WhatWasNotReadBeforeTheRingGotAnotherSizeIsCounted) {
  Memory memory(1 << 16);
  RingWriter first(memory.control(), memory.words(4096));
  Reader reader = from_now(memory);
  first.write("r", Kind::Text, "read");
  EXPECT_EQ(reader.all().size(), 1U);
  for (int i = 0; i < 5; ++i) first.write("r", Kind::Text, "not read");
  RingWriter second(memory.control(), memory.words(1 << 16));
  second.write("r", Kind::Text, std::string(10'000, 'x'));
  EXPECT_EQ(reader.all(), (std::vector<Heard>{{6, "r", std::string(10'000, 'x')}}));
  EXPECT_EQ(reader.missed, 5U);
  RingWriter third(memory.control(), memory.words(4096));
  Reader fresh = from_now(memory);
  third.write("r", Kind::Text, "small again");
  for (Reader* each : {&reader, &fresh}) {
    EXPECT_EQ(each->all(), (std::vector<Heard>{{7, "r", "small again"}}));
  }
  EXPECT_EQ(reader.missed, 5U);
  EXPECT_EQ(fresh.missed, 0U);
}

TEST(Ring, SurvivesAnythingThatSomebodyWritesThere) {
  Memory memory;
  RingWriter writer(memory.control(), memory.words());
  Reader reader = from_now(memory);
  uint32_t random = 7;
  for (int round = 0; round < 2000; ++round) {
    for (int i = 0; i < 5; ++i) writer.write("room", Kind::Text, "a message of some length");
    for (int i = 0; i < 3; ++i) {
      random = random * 1664525 + 1013904223;
      memory.words()[(random >> 8) % memory.words().size()].store(random * 0x9e3779b97f4a7c15U);
    }
    for (const Heard& each : reader.all()) EXPECT_LE(each.payload.size(), 4096U);
  }
  memory.control().reserved.store(UINT64_MAX / 2);
  memory.control().head.store(UINT64_MAX / 4 * 8);
  EXPECT_FALSE(reader.next());
  memory.control().head.store(3);
  EXPECT_FALSE(reader.next());
}

// A payload that tells whether it is whole.
std::string payload_of(uint64_t number) {
  std::string text(8 + number * 31 % 200, static_cast<char>('a' + number % 26));
  std::memcpy(text.data(), &number, sizeof number);
  return text;
}

void expect_whole(const Heard& heard) {
  uint64_t number = 0;
  ASSERT_GE(heard.payload.size(), sizeof number);
  std::memcpy(&number, heard.payload.data(), sizeof number);
  ASSERT_EQ(heard.payload, payload_of(number));
}

TEST(Ring, ReadersNeverSeeHalfAMessage) {
  Memory memory;
  constexpr uint64_t kMessages = 20'000;
  std::atomic<bool> has_ended = false;
  struct Result {
    uint64_t heard = 0;
    uint64_t missed = 0;
  };
  const auto read = [&](Result& result) {
    Reader reader = from_the_beginning(memory);
    uint64_t next = 0;
    for (bool is_last = false;;) {
      if (auto heard = reader.next()) {
        ASSERT_GE(heard->number, next);
        next = heard->number + 1;
        expect_whole(*heard);
        uint64_t number = 0;
        std::memcpy(&number, heard->payload.data(), sizeof number);
        ASSERT_EQ(number, heard->number);
        ++result.heard;
      } else if (is_last) {
        result.missed = reader.missed;
        return;
      } else {
        is_last = has_ended.load();
      }
    }
  };
  std::array<Result, 2> results;
  {
    std::jthread one([&] { read(results[0]); });
    std::jthread two([&] { read(results[1]); });
    RingWriter writer(memory.control(), memory.words());
    for (uint64_t i = 0; i < kMessages; ++i) writer.write("r", Kind::Binary, payload_of(i));
    has_ended = true;
  }
  for (const Result& result : results) EXPECT_EQ(result.heard + result.missed, kMessages);
}

// Each child writes until it is killed, in the middle of something.
TEST(Ring, AWriterThatIsKilledLosesNothingOfWhatItHasSent) {
  Memory memory(1 << 16);
  Reader reader = from_the_beginning(memory);
  uint64_t heard = 0;
  uint64_t last = 0;
  for (int child = 0; child < 40; ++child) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      RingWriter writer(memory.control(), memory.words());
      for (uint64_t i = 0;; ++i) writer.write("r", Kind::Text, payload_of(i));
    }
    uint64_t of_this = 0;
    while (of_this < 500) {
      const auto one = reader.next();
      if (!one) continue;
      expect_whole(*one);
      ++of_this;
      ++heard;
      last = one->number;
    }
    ::kill(pid, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    for (const Heard& one : reader.all()) {
      expect_whole(one);
      ++heard;
      last = one.number;
    }
    ASSERT_EQ(heard + reader.missed, last + 1);
  }
}

}  // namespace
}  // namespace sockherd::rooms
