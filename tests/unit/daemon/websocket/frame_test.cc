#include "daemon/websocket/frame.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sockherd::websocket {
namespace {

using namespace std::string_literals;
using State = FrameParse::State;

constexpr std::array<char, 4> kKey = {'\x37', '\xfa', '\x21', '\x3d'};

std::string frame(Opcode opcode, std::string_view payload) {
  std::string bytes;
  append_frame(bytes, {.opcode = opcode}, payload);
  return bytes;
}

// The examples of RFC 6455 section 5.7.
TEST(Frame, IsWrittenAsTheStandardShows) {
  EXPECT_EQ(frame(Opcode::Text, "Hello"), "\x81\x05Hello"s);
  EXPECT_EQ(frame(Opcode::Ping, "Hello"), "\x89\x05Hello"s);
  std::string masked;
  append_frame(masked, {.is_masked = true, .mask = MaskingKey(kKey)}, "Hello");
  EXPECT_EQ(masked, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s);
  std::string fragment;
  append_frame(fragment, {.is_final = false}, "Hel");
  append_frame(fragment, {.opcode = Opcode::Continuation}, "lo");
  EXPECT_EQ(fragment, "\x01\x03Hel\x80\x02lo"s);
  EXPECT_EQ(frame(Opcode::Binary, std::string(256, 'x')).substr(0, 4), "\x82\x7e\x01\x00"s);
  EXPECT_EQ(frame(Opcode::Binary, std::string(65536, 'x')).substr(0, 10),
            "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s);
}

TEST(Frame, IsReadAsItWasWrittenAtEverySize) {
  for (const uint64_t size :
       {0ULL, 1ULL, 125ULL, 126ULL, 127ULL, 65535ULL, 65536ULL, 0x7fffffffffffffffULL}) {
    for (const bool is_masked : {false, true}) {
      const FrameHead head{.opcode = Opcode::Binary,
                           .is_final = false,
                           .is_compressed = true,
                           .is_masked = is_masked,
                           .mask = MaskingKey(kKey),
                           .payload_bytes = size};
      std::array<char, kMaxFrameHead> room{};
      const size_t bytes = write_frame_head(head, room);
      EXPECT_EQ(bytes, frame_head_bytes(size, is_masked));
      const Role role = is_masked ? Role::Server : Role::Client;
      FrameHead read;
      for (size_t some = 0; some < bytes; ++some) {
        EXPECT_EQ(parse_frame_head({room.data(), some}, role, Extension::Deflate, read).state,
                  State::Incomplete);
      }
      const FrameParse parse =
          parse_frame_head({room.data(), bytes}, role, Extension::Deflate, read);
      ASSERT_EQ(parse.state, State::Complete);
      EXPECT_EQ(parse.bytes, bytes);
      EXPECT_EQ(read.opcode, Opcode::Binary);
      EXPECT_FALSE(read.is_final);
      EXPECT_TRUE(read.is_compressed);
      EXPECT_EQ(read.is_masked, is_masked);
      EXPECT_EQ(read.payload_bytes, size);
      EXPECT_EQ(read.mask.bytes(), is_masked ? kKey : decltype(kKey){});
    }
  }
}

TEST(Frame, IsRefusedAtTheByteThatIsWrong) {
  struct Case {
    std::string bytes;
    std::string reason;
    Role role = Role::Server;
    Extension extension = Extension::None;
  };
  const std::vector<Case> cases = {
      {"\xc1", "a reserved bit is set"},
      {"\xa1", "a reserved bit is set"},
      {"\x91", "a reserved bit is set"},
      {"\x91", "a reserved bit is set", Role::Server, Extension::Deflate},
      {"\x83", "unknown opcode"},
      {"\x87", "unknown opcode"},
      {"\x8b", "unknown opcode"},
      {"\x8f", "unknown opcode"},
      {"\x08", "fragmented control frame"},
      {"\x09", "fragmented control frame"},
      {"\x0a", "fragmented control frame"},
      {"\xc9", "compressed control frame", Role::Server, Extension::Deflate},
      {"\x81\x05", "frame of a client without mask"},
      {"\x81\x85", "frame of a server with mask", Role::Client},
      {"\x89\xfe", "control frame with more than 125 bytes"},
      {"\x88\xff", "control frame with more than 125 bytes"},
      {"\x81\xfe\x00\x7d"s, "length in more bytes than needed"},
      {"\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff"s, "length in more bytes than needed"},
      {"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00"s, "length with its highest bit set"},
  };
  for (const Case& each : cases) {
    FrameHead head;
    const std::string_view bytes = each.bytes;
    const FrameParse parse = parse_frame_head(bytes, each.role, each.extension, head);
    EXPECT_EQ(parse.state, State::Refused) << each.reason;
    EXPECT_EQ(parse.reason, each.reason);
    const auto before = bytes.substr(0, bytes.size() - 1);
    EXPECT_EQ(parse_frame_head(before, each.role, each.extension, head).state, State::Incomplete)
        << each.reason;
  }
}

}  // namespace
}  // namespace sockherd::websocket
