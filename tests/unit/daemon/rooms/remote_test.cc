// What the bus between machines is made of, without one.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/rooms/backoff.h"
#include "daemon/rooms/numbering.h"
#include "daemon/rooms/outbox.h"
#include "daemon/rooms/parcel.h"

namespace sockherd::rooms {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesToFiveSecondsAndBeginsAnewWhenItHasWorked) {
  Backoff backoff;
  const auto middle = [&backoff] { return backoff.next(512); };
  for (const int expected : {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
    EXPECT_EQ(middle(), milliseconds(expected));
  }
  backoff.reset();
  EXPECT_EQ(middle(), milliseconds(100));
}

TEST(Backoff, IsSpreadOverTheHalfAroundIt) {
  for (const uint64_t random : {0ULL, 1024ULL, 1025ULL * 7, ~0ULL}) {
    Backoff backoff;
    const Duration wait = backoff.next(random);
    EXPECT_GE(wait, milliseconds(75));
    EXPECT_LE(wait, milliseconds(125));
  }
  EXPECT_EQ(Backoff().next(0), milliseconds(75));
  EXPECT_EQ(Backoff().next(1024), milliseconds(125));
}

TEST(Parcel, IsUnpackedAsItWasPacked) {
  const ParcelHead head = {.type = ParcelType::Binary,
                           .instance = {0x0123456789abcdef, 0xfedcba9876543210},
                           .sender = 0x1122334455667788,
                           .epoch = 0xffffffff,
                           .number = 0x8000000000000001,
                           .begun_us = 0x0fedcba987654321,
                           .sent_us = -5};
  const auto bytes = encode(head);
  std::string text(bytes.begin(), bytes.end());
  text += "payload";
  const auto parcel = parse_parcel(text);
  ASSERT_TRUE(parcel);
  EXPECT_EQ(parcel->head, head);
  EXPECT_EQ(parcel->payload, "payload");
  EXPECT_EQ(text.substr(20, 8), "\x88\x77\x66\x55\x44\x33\x22\x11");
}

TEST(Parcel, OfOthersIsNone) {
  const auto bytes = encode({});
  const std::string good(bytes.begin(), bytes.end());
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse_parcel(good.substr(0, size)));
  ASSERT_TRUE(parse_parcel(good));
  for (const size_t at : {0U, 1U, 2U, 3U}) {
    std::string wrong = good;
    wrong[at] = 9;
    EXPECT_FALSE(parse_parcel(wrong)) << at;
  }
}

TEST(Numbering, CountsEachRoomForItself) {
  SentNumbers sent;
  EXPECT_FALSE(sent.next("a"));
  EXPECT_EQ(sent.take("a", 7), (MessageNumber{0, 0, 7}));
  EXPECT_EQ(sent.take("b", 7), (MessageNumber{0, 0, 7}));
  EXPECT_EQ(sent.take("a", 7), (MessageNumber{0, 1, 7}));
  EXPECT_EQ(sent.next("a"), (MessageNumber{0, 2, 7}));
  EXPECT_EQ(sent.take("a", 7), (MessageNumber{0, 2, 7}));
}

TEST(Numbering, BeginsANewEpochWhenThereAreTooManyRooms) {
  SentNumbers sent;
  sent.take("first", 7);
  for (size_t i = 1; i < SentNumbers::kMostRooms; ++i) sent.take(std::to_string(i), 7);
  EXPECT_EQ(sent.take("first", 7), (MessageNumber{0, 1, 7}));
  EXPECT_EQ(sent.take("one more", 7), (MessageNumber{1, 0, 7}));
  EXPECT_EQ(sent.take("first", 7), (MessageNumber{1, 0, 7}));
}

using Heard = HeardNumbers::Heard;
constexpr Heard kDuplicate{};
constexpr Heard next_after(uint64_t missed) {
  return {true, missed};
}

TEST(Numbering, TellsWhatIsMissingAndWhatHasComeAlready) {
  HeardNumbers heard;
  EXPECT_EQ(heard.hear("r", 1, {0, 5}), next_after(0)) << "before our time";
  EXPECT_EQ(heard.hear("r", 1, {0, 6}), next_after(0));
  EXPECT_EQ(heard.hear("r", 1, {0, 6}), kDuplicate);
  EXPECT_EQ(heard.hear("r", 1, {0, 5}), kDuplicate);
  EXPECT_EQ(heard.hear("r", 1, {0, 10}), next_after(3));
  EXPECT_EQ(heard.hear("r", 2, {0, 0}), next_after(0)) << "another sender";
  EXPECT_EQ(heard.hear("s", 1, {0, 0}), next_after(0)) << "another room";
  EXPECT_EQ(heard.hear("r", 1, {0, 11}), next_after(0));
}

TEST(Numbering, WantsAllOfASenderThatBeganAfterUs) {
  HeardNumbers heard;
  heard.join("r", 1000);
  EXPECT_EQ(heard.hear("r", 1, {0, 5, 999}), next_after(0)) << "some may have been before our time";
  EXPECT_EQ(heard.hear("r", 2, {0, 5, 1001}), next_after(5));
  EXPECT_EQ(heard.hear("r", 2, {0, 7, 1001}), next_after(1));
  EXPECT_EQ(heard.mark("r", 3, {0, 4, 1001}), 4U);
  EXPECT_EQ(heard.mark("r", 4, {0, 4, 999}), 0U);
  heard.join("r", 2000);
  EXPECT_EQ(heard.hear("r", 2, {0, 50, 1001}), next_after(0)) << "we were away";
}

TEST(Numbering, AMarkTellsWhatWasLastAndIsMissing) {
  HeardNumbers heard;
  EXPECT_EQ(heard.mark("r", 1, {0, 7}), 0U) << "before our time";
  EXPECT_EQ(heard.hear("r", 1, {0, 9}), next_after(2));
  EXPECT_EQ(heard.mark("r", 1, {0, 10}), 0U);
  EXPECT_EQ(heard.mark("r", 1, {0, 9}), 0U);
  EXPECT_EQ(heard.mark("r", 1, {0, 14}), 4U);
  EXPECT_EQ(heard.mark("r", 1, {0, 14}), 0U);
  EXPECT_EQ(heard.hear("r", 1, {0, 13}), kDuplicate) << "it is counted as missed";
  EXPECT_EQ(heard.hear("r", 1, {0, 14}), next_after(0));
}

TEST(Numbering, AnEpochBeginsAtZero) {
  HeardNumbers heard;
  heard.hear("r", 1, {0, 5});
  EXPECT_EQ(heard.hear("r", 1, {1, 2}), next_after(2));
  EXPECT_EQ(heard.hear("r", 1, {0, 6}), kDuplicate);
  EXPECT_EQ(heard.mark("r", 1, {2, 3}), 3U);
}

TEST(Numbering, ForgetsARoomAndTheSenderThatWasSilentLongest) {
  HeardNumbers heard;
  heard.hear("r", 1, {0, 5});
  heard.forget("r");
  heard.forget("r");
  EXPECT_EQ(heard.hear("r", 1, {0, 50}), next_after(0));
  for (uint64_t sender = 2; sender <= HeardNumbers::kMostSenders; ++sender) {
    heard.hear("r", sender, {0, 0});
  }
  heard.hear("r", 1, {0, 51});
  heard.hear("r", 99'999, {0, 0});
  EXPECT_EQ(heard.hear("r", 1, {0, 53}), next_after(1)) << "known still";
  EXPECT_EQ(heard.hear("r", 2, {0, 53}), next_after(0)) << "forgotten";
}

TEST(Outbox, SendsAgainWhatWasNotConfirmed) {
  Outbox box(10, 1000);
  for (const char* text : {"a", "b", "c"}) box.push({text});
  EXPECT_EQ(box.send(), "a");
  EXPECT_EQ(box.send(), "b");
  EXPECT_EQ(box.confirm().command, "a");
  box.rewind();
  EXPECT_FALSE(box.has_unconfirmed());
  EXPECT_EQ(box.send(), "b");
  EXPECT_EQ(box.send(), "c");
  EXPECT_FALSE(box.has_unsent());
  EXPECT_EQ(box.confirm().command, "b");
  EXPECT_EQ(box.confirm().command, "c");
  EXPECT_EQ(box.size(), 0U);
}

TEST(Outbox, HasRoomForSoManyMessagesAndBytes) {
  Outbox box(3, 100);
  EXPECT_FALSE(box.has_room(101));
  box.push({std::string(60, 'x')});
  EXPECT_FALSE(box.has_room(41));
  EXPECT_TRUE(box.has_room(40));
  box.push({"x"});
  box.push({"x"});
  EXPECT_FALSE(box.has_room(0));
  box.send();
  EXPECT_FALSE(box.has_room(1)) << "it may have to be sent again";
  box.confirm();
  EXPECT_TRUE(box.has_room(98));
}

}  // namespace
}  // namespace sockherd::rooms
