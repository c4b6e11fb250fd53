#include "daemon/bus/dictionary.h"

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/daemon/bus/peer.h"

namespace sockherd::bus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A message that can be written, and read once it has been sealed; never sent.
class Letter {
 public:
  Letter() : peer_(socket_pair().first, [](sd_bus_message*) { return 0; }) {
    sd_bus_message* raw = nullptr;
    SH_ASSERT(
        sd_bus_message_new_method_call(peer_.bus(), &raw, nullptr, kObject, kInterface, "M") >= 0);
    message_.reset(raw);
  }
  sd_bus_message* message() const { return message_.get(); }
  sd_bus_message* sealed() const {
    SH_ASSERT(sd_bus_message_seal(message(), 1, 0) >= 0);
    SH_ASSERT(sd_bus_message_rewind(message(), 1) >= 0);
    return message();
  }

 private:
  struct Unref {
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
  };
  Peer peer_;
  std::unique_ptr<sd_bus_message, Unref> message_;
};

Dictionary one_of_each() {
  Dictionary dictionary;
  dictionary.set("b", true);
  dictionary.set("x", int64_t{-7});
  dictionary.set("t", uint64_t{18'000'000'000'000'000'000U});
  dictionary.set("d", 2.5);
  dictionary.set("s", std::string("text"));
  dictionary.set("as", std::vector<std::string>{"a", "", "c"});
  return dictionary;
}

TEST(Dictionary, TravelsWithAllItsTypes) {
  const Letter letter;
  ASSERT_TRUE(append(letter.message(), one_of_each()).ok());
  EXPECT_STREQ(sd_bus_message_get_signature(letter.message(), 1), "a{sv}");
  const Result<Dictionary> read = read_dictionary(letter.sealed());
  ASSERT_TRUE(read.ok()) << read.error().what;
  EXPECT_EQ(read.value().entries(), one_of_each().entries());
}

TEST(Dictionary, ListsTravelToo) {
  const Letter letter;
  ASSERT_TRUE(
      append(letter.message(), std::vector<Dictionary>{one_of_each(), {}, one_of_each()}).ok());
  EXPECT_STREQ(sd_bus_message_get_signature(letter.message(), 1), "aa{sv}");
  const Result<std::vector<Dictionary>> read = read_dictionaries(letter.sealed());
  ASSERT_TRUE(read.ok()) << read.error().what;
  ASSERT_EQ(read.value().size(), 3U);
  EXPECT_EQ(read.value()[0].entries(), one_of_each().entries());
  EXPECT_THAT(read.value()[1].entries(), IsEmpty());
  EXPECT_EQ(read.value()[2].entries(), one_of_each().entries());
}

TEST(Dictionary, EmptyOnesTravel) {
  const Letter letter;
  ASSERT_TRUE(append(letter.message(), Dictionary{}).ok());
  ASSERT_TRUE(append(letter.message(), std::vector<Dictionary>{}).ok());
  sd_bus_message* message = letter.sealed();
  EXPECT_THAT(read_dictionary(message).value().entries(), IsEmpty());
  EXPECT_THAT(read_dictionaries(message).value(), IsEmpty());
}

TEST(Dictionary, LeavesOutTypesItDoesNotKnow) {
  const Letter letter;
  ASSERT_GE(sd_bus_message_append(letter.message(), "a{sv}", 4, "new", "(si)", "x", 1, "old", "t",
                                  uint64_t{3}, "ay", "ay", 2, 1, 2, "also", "s", "here"),
            0);
  const Result<Dictionary> read = read_dictionary(letter.sealed());
  ASSERT_TRUE(read.ok()) << read.error().what;
  EXPECT_EQ(read.value().entries().size(), 2U);
  EXPECT_EQ(read.value().count("old"), 3U);
  EXPECT_EQ(read.value().text("also"), "here");
}

TEST(Dictionary, RefusesAnotherSignatureAndAnEmptyMessage) {
  const Letter letter;
  ASSERT_GE(sd_bus_message_append(letter.message(), "s", "x"), 0);
  EXPECT_FALSE(read_dictionary(letter.sealed()).ok());
  const Letter empty;
  EXPECT_FALSE(read_dictionary(empty.sealed()).ok());
  const Letter empty_too;
  EXPECT_FALSE(read_dictionaries(empty_too.sealed()).ok());
}

TEST(Dictionary, AnswersTheFallbackForMissingKeysAndOtherTypes) {
  const Dictionary dictionary = one_of_each();
  EXPECT_TRUE(dictionary.boolean("none", true));
  EXPECT_TRUE(dictionary.boolean("s", true));
  EXPECT_EQ(dictionary.integer("none", 5), 5);
  EXPECT_EQ(dictionary.count("none", 5), 5U);
  EXPECT_EQ(dictionary.number("s", 1.5), 1.5);
  EXPECT_EQ(dictionary.text("b", "fallback"), "fallback");
  EXPECT_THAT(dictionary.list("s"), IsEmpty());
}

TEST(Dictionary, ConvertsNumbersOnlyWhereNothingIsLost) {
  const Dictionary dictionary = one_of_each();
  EXPECT_EQ(dictionary.integer("x"), -7);
  EXPECT_EQ(dictionary.integer("t", 5), 5);  // larger than an int64_t
  EXPECT_EQ(dictionary.count("x", 5), 5U);   // negative
  EXPECT_EQ(dictionary.number("x"), -7.0);
  EXPECT_EQ(dictionary.number("d"), 2.5);
  Dictionary fits;
  fits.set("t", uint64_t{3});
  fits.set("x", int64_t{4});
  EXPECT_EQ(fits.integer("t"), 3);
  EXPECT_EQ(fits.count("x"), 4U);
  EXPECT_EQ(fits.number("t"), 3.0);
  EXPECT_THAT(dictionary.list("as"), ElementsAre("a", "", "c"));
}

}  // namespace
}  // namespace sockherd::bus
