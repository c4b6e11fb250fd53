#include "daemon/contract/message.h"

#include <gtest/gtest.h>

namespace sockherd::contract {
namespace {

const Message kTake{.verb = Verb::Take, .listener = "web", .slot = 3};

TEST(Message, IsThreeLines) {
  EXPECT_EQ(encode(kTake), "VERB=take\nLISTENER=web\nSLOT=3\n");
}

TEST(Message, ComesBackAsItWas) {
  for (const Verb verb :
       {Verb::Take, Verb::Drop, Verb::Empty, Verb::Taken, Verb::Dropped, Verb::Emptied, Verb::Move,
        Verb::Give, Verb::Adopt, Verb::Keep, Verb::Reopen, Verb::Drain}) {
    const Message message{.verb = verb, .listener = "a-b_C9", .slot = 4294967295};
    EXPECT_EQ(parse(encode(message)), message);
  }
}

TEST(Message, IsRefusedWhereItIsCutOffOrLonger) {
  const std::string whole = encode(kTake);
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(parse(whole.substr(0, size)), std::nullopt) << size;
  EXPECT_EQ(parse(whole + "\n"), std::nullopt);
  EXPECT_EQ(parse(whole + std::string(1, '\0')), std::nullopt);
  EXPECT_EQ(parse(whole + whole), std::nullopt);
}

TEST(Message, IsRefusedInAnyOtherSpelling) {
  constexpr std::string_view kBad[] = {
      "VERB=take\nSLOT=3\nLISTENER=web\n",       "verb=take\nLISTENER=web\nSLOT=3\n",
      "VERB=Take\nLISTENER=web\nSLOT=3\n",       "VERB=\nLISTENER=web\nSLOT=3\n",
      "VERB=kill\nLISTENER=web\nSLOT=3\n",       "VERB=take\nLISTENER=\nSLOT=3\n",
      "VERB=take\nLISTENER=web\nSLOT=\n",        "VERB=take\nLISTENER=web\nSLOT=03\n",
      "VERB=take\nLISTENER=web\nSLOT=+3\n",      "VERB=take\nLISTENER=web\nSLOT=-1\n",
      "VERB=take\nLISTENER=web\nSLOT= 3\n",      "VERB=take\nLISTENER=web\nSLOT=4294967296\n",
      "VERB=take\r\nLISTENER=web\r\nSLOT=3\r\n", "VERB=take\n\nLISTENER=web\nSLOT=3\n",
  };
  for (const std::string_view bad : kBad) EXPECT_EQ(parse(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace sockherd::contract
