#include "daemon/websocket/receiver.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace sockherd::websocket {
namespace {

using namespace std::string_literals;
using Event = Receiver::Event;

constexpr uint64_t kMost = 1000;
constexpr std::array<char, 4> kKey = {'\x37', '\xfa', '\x21', '\x3d'};

struct Part {
  Opcode opcode;
  std::string payload;
  bool is_final = true;
  bool is_compressed = false;
};

// As a client sends them.
std::string masked(const std::vector<Part>& parts) {
  std::string bytes;
  for (const Part& part : parts) {
    append_frame(bytes,
                 {.opcode = part.opcode,
                  .is_final = part.is_final,
                  .is_compressed = part.is_compressed,
                  .is_masked = true,
                  .mask = MaskingKey(kKey)},
                 part.payload);
  }
  return bytes;
}

// A receiver and what it has said so far, as text.
struct Reading {
  explicit Reading(Extension extension = Extension::None, Role role = Role::Server)
      : receiver({.role = role, .extension = extension, .max_message_bytes = kMost}) {}

  Receiver receiver;
  std::string said;
  std::string held;  // not consumed

  void feed(std::string_view piece) {
    held += piece;
    for (;;) {
      const auto copy = std::make_unique<char[]>(held.size());
      if (!held.empty()) std::memcpy(copy.get(), held.data(), held.size());
      const Receiver::Step step = receiver.read({copy.get(), held.size()});
      ASSERT_LE(step.consumed, held.size());
      note(step);
      held.erase(0, step.consumed);
      if (step.event == Event::Failed || step.event == Event::Close) held.clear();
      if (held.empty() || (step.event == Event::None && step.consumed == 0)) break;
    }
    EXPECT_LT(held.size(), kMaxFrameHead + kMaxControlPayload);
  }

  void note(const Receiver::Step& step) {
    const std::string payload(step.payload);
    switch (step.event) {
      case Event::None:
        return;
      case Event::Message:
        said += step.kind == Kind::Text ? "text " : "binary ";
        if (step.is_compressed) said += "compressed ";
        said += payload + "\n";
        return;
      case Event::Ping:
        said += "ping " + payload + "\n";
        return;
      case Event::Pong:
        said += "pong " + payload + "\n";
        return;
      case Event::Close:
        said += "close " + std::to_string(step.code) + " " + std::string(step.reason) + "\n";
        return;
      case Event::Failed:
        said += "failed " + std::to_string(step.code) + " " + std::string(step.reason) + "\n";
        return;
    }
  }
};

// Whole, byte by byte, and in two at every cut: it is the same.
std::string read(std::string_view bytes, Extension extension = Extension::None,
                 Role role = Role::Server) {
  Reading whole(extension, role);
  whole.feed(bytes);
  Reading bytewise(extension, role);
  for (size_t i = 0; i < bytes.size(); ++i) bytewise.feed(bytes.substr(i, 1));
  EXPECT_EQ(bytewise.said, whole.said);
  EXPECT_EQ(bytewise.receiver.is_idle(), whole.receiver.is_idle());
  for (size_t cut = 1; cut < std::min<size_t>(bytes.size(), 400); ++cut) {
    Reading two(extension, role);
    two.feed(bytes.substr(0, cut));
    two.feed(bytes.substr(cut));
    EXPECT_EQ(two.said, whole.said) << "cut at " << cut;
  }
  return whole.said;
}

TEST(Receiver, HandsOutMessagesOfEverySize) {
  for (const size_t size : {0, 1, 125, 126, 127, 128, 999, 1000}) {
    const std::string text(size, 'x');
    EXPECT_EQ(read(masked({{Opcode::Text, text}, {Opcode::Binary, text}})),
              "text " + text + "\nbinary " + text + "\n");
  }
}

TEST(Receiver, PutsFragmentsTogetherWithControlFramesBetweenThem) {
  EXPECT_EQ(read(masked({{Opcode::Text, "one ", false},
                         {Opcode::Ping, "a"},
                         {Opcode::Continuation, "", false},
                         {Opcode::Pong, ""},
                         {Opcode::Continuation, "two ", false},
                         {Opcode::Continuation, "three"},
                         {Opcode::Binary, "four"}})),
            "ping a\npong \ntext one two three\nbinary four\n");
  EXPECT_EQ(read(masked({{Opcode::Text, "", false}, {Opcode::Continuation, ""}})), "text \n");
}

TEST(Receiver, RefusesFragmentsThatMakeNoMessage) {
  EXPECT_EQ(read(masked({{Opcode::Continuation, "x"}})),
            "failed 1002 continuation without a message\n");
  EXPECT_EQ(read(masked({{Opcode::Text, "x"}, {Opcode::Continuation, "x", false}})),
            "text x\nfailed 1002 continuation without a message\n");
  EXPECT_EQ(read(masked({{Opcode::Text, "x", false}, {Opcode::Text, "y"}})),
            "failed 1002 a message within another\n");
}

TEST(Receiver, RefusesTextThatIsNotUtf8AtTheFirstWrongByte) {
  const std::string wrong = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90";
  EXPECT_EQ(read(masked({{Opcode::Text, wrong}})), "failed 1007 text that is not UTF-8\n");
  EXPECT_EQ(read(masked({{Opcode::Binary, wrong}})), "binary " + wrong + "\n");
  EXPECT_EQ(read(masked({{Opcode::Text, "a\xc3"}})),
            "failed 1007 text that ends within a character\n");
  // A character may be cut by frames.
  EXPECT_EQ(read(masked({{Opcode::Text, "\xc3", false}, {Opcode::Continuation, "\xa4"}})),
            "text \xc3\xa4\n");

  // It does not wait for the end of the frame.
  Reading reading;
  const std::string frame = masked({{Opcode::Text, wrong + std::string(500, 'x'), false}});
  const size_t head = frame_head_bytes(wrong.size() + 500, true);
  reading.feed(frame.substr(0, head + wrong.size() - 1));
  EXPECT_EQ(reading.said, "");
  reading.feed(frame.substr(head + wrong.size() - 1, 1));
  EXPECT_EQ(reading.said, "failed 1007 text that is not UTF-8\n");
}

TEST(Receiver, RefusesAMessageThatIsTooLongBeforeItIsThere) {
  const std::string frame = masked({{Opcode::Binary, std::string(kMost + 1, 'x')}});
  EXPECT_EQ(read(frame.substr(0, 8)), "failed 1009 the message is longer than this server takes\n");
  EXPECT_EQ(read(masked({{Opcode::Text, std::string(600, 'x'), false},
                         {Opcode::Continuation, std::string(401, 'x'), false}})),
            "failed 1009 the message is longer than this server takes\n");
  Reading reading;
  reading.feed("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff----"s);
  EXPECT_EQ(reading.said, "failed 1009 the message is longer than this server takes\n");
}

TEST(Receiver, SaysHowThePeerCloses) {
  EXPECT_EQ(read(masked({{Opcode::Close, ""}})), "close 1005 \n");
  EXPECT_EQ(read(masked({{Opcode::Close, "\x03\xe8going"s}})), "close 1000 going\n");
  EXPECT_EQ(read(masked({{Opcode::Text, "x", false}, {Opcode::Close, "\x0f\xa0"s}})),
            "close 4000 \n");
  EXPECT_EQ(read(masked({{Opcode::Close, "\x03"s}})), "failed 1002 Close with one byte\n");
  EXPECT_EQ(read(masked({{Opcode::Close, "\x03\xed"s}})),
            "failed 1002 Close with a code that is not for frames\n");
  EXPECT_EQ(read(masked({{Opcode::Close, "\x03\xe8\xff"s}})),
            "failed 1007 Close with a reason that is not UTF-8\n");
}

TEST(Receiver, HandsOutCompressedMessagesAsTheyCame) {
  EXPECT_EQ(read(masked({{Opcode::Text, "\xf2\x48", true, true}, {Opcode::Text, "plain"}}),
                 Extension::Deflate),
            "text compressed \xf2\x48\ntext plain\n");
  EXPECT_EQ(read(masked({{Opcode::Binary, "ab", false, true}, {Opcode::Continuation, "cd"}}),
                 Extension::Deflate),
            "binary compressed abcd\n");
  EXPECT_EQ(
      read(masked({{Opcode::Binary, "ab", false, true}, {Opcode::Continuation, "cd", true, true}}),
           Extension::Deflate),
      "failed 1002 a reserved bit is set in a continuation\n");
  EXPECT_EQ(read(masked({{Opcode::Text, "x", true, true}})), "failed 1002 a reserved bit is set\n");
}

TEST(Receiver, ReadsAsAClient) {
  std::string bytes;
  append_frame(bytes, {.opcode = Opcode::Text}, "Hello");
  EXPECT_EQ(read(bytes, Extension::None, Role::Client), "text Hello\n");
  EXPECT_EQ(read(bytes), "failed 1002 frame of a client without mask\n");
}

TEST(Receiver, KeepsNothingBetweenMessages) {
  Reading reading;
  EXPECT_TRUE(reading.receiver.is_idle());
  const std::string frame = masked({{Opcode::Text, "some text", false}});
  reading.feed(frame.substr(0, 10));
  EXPECT_FALSE(reading.receiver.is_idle());
  EXPECT_GT(reading.receiver.kept_bytes(), 0);
  reading.feed(frame.substr(10));
  EXPECT_FALSE(reading.receiver.is_idle());
  reading.feed(masked({{Opcode::Continuation, ""}, {Opcode::Ping, ""}}));
  EXPECT_TRUE(reading.receiver.is_idle());
  EXPECT_EQ(reading.receiver.kept_bytes(), 0);
}

TEST(Receiver, HandsOutAWholeFrameInPlace) {
  std::string bytes = masked({{Opcode::Text, "Hello"}});
  Receiver receiver({.max_message_bytes = kMost});
  const Receiver::Step step = receiver.read(bytes);
  EXPECT_EQ(step.payload, "Hello");
  EXPECT_EQ(step.payload.data(), bytes.data() + 6);
}

}  // namespace
}  // namespace sockherd::websocket
