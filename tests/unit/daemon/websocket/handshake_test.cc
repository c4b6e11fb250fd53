#include "daemon/websocket/handshake.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "daemon/websocket/sha1.h"

namespace sockherd::websocket {
namespace {

// A head with its bytes.
struct Head {
  std::string bytes;
  std::unique_ptr<http::RequestHead> head = std::make_unique<http::RequestHead>();

  Head(std::string_view line, std::string_view fields)
      : bytes(std::string(line) + "\r\nHost: example.org\r\n" + std::string(fields) + "\r\n") {
    size_t scanned = 0;
    const auto result = http::parse_request_head(bytes, {}, *head, scanned);
    EXPECT_EQ(result.state, http::ParseState::Complete) << result.reason;
  }
};

constexpr std::string_view kLine = "GET /chat HTTP/1.1";
constexpr std::string_view kKey = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
constexpr std::string_view kUpgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
constexpr std::string_view kVersionField = "Sec-WebSocket-Version: 13\r\n";

std::string join(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

Handshake check(const std::string& fields, std::string_view line = kLine) {
  return check_handshake(*Head(line, fields).head);
}

TEST(Sha1, HasTheDigestsOfTheStandard) {
  const auto hex = [](std::string_view text) {
    std::string digits;
    for (const uint8_t byte : sha1(text)) {
      digits += "0123456789abcdef"[byte >> 4];
      digits += "0123456789abcdef"[byte & 15];
    }
    return digits;
  };
  EXPECT_EQ(hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(hex(std::string(1000000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST(Handshake, AnswersTheKeyOfTheStandard) {
  const Accept accept = accept_of("dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(std::string_view(accept.data(), accept.size()), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(Handshake, DrawsAKeyThatIsOne) {
  constexpr std::array<uint8_t, 16> kDrawn = {'t', 'h', 'e', ' ', 's', 'a', 'm', 'p',
                                              'l', 'e', ' ', 'n', 'o', 'n', 'c', 'e'};
  const auto key = key_of(kDrawn);
  EXPECT_EQ(std::string_view(key.data(), key.size()), "dGhlIHNhbXBsZSBub25jZQ==");
}

TEST(Handshake, TakesAValidRequest) {
  const std::vector<std::string> cases = {
      join({kUpgrade, kKey, kVersionField}),
      join({"Upgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n", kKey, kVersionField}),
      join({"Upgrade: h2c, websocket\r\nConnection: a\r\nConnection: UPGRADE\r\n", kKey,
            kVersionField}),
      join({kUpgrade, kKey, "sec-websocket-version:  13 \r\n"}),
  };
  for (const std::string& fields : cases) {
    const Head head(kLine, fields);
    const Handshake handshake = check_handshake(*head.head);
    EXPECT_EQ(handshake.status, 101) << fields << handshake.reason;
    EXPECT_EQ(handshake.key, "dGhlIHNhbXBsZSBub25jZQ==");
  }
}

TEST(Handshake, RefusesEveryOther) {
  struct Case {
    std::string fields;
    int status;
    std::string_view line = kLine;
  };
  const auto with_key = [](std::string_view key) {
    return join({kUpgrade, "Sec-WebSocket-Key: ", key, "\r\n", kVersionField});
  };
  const std::vector<Case> cases = {
      {"", 426},
      {join({"Upgrade: websocket\r\n", kKey, kVersionField}), 426},
      {join({"Connection: Upgrade\r\n", kKey, kVersionField}), 426},
      {join({"Upgrade: h2c\r\nConnection: Upgrade\r\n", kKey, kVersionField}), 426},
      {join({kUpgrade, kKey}), 426},
      {join({kUpgrade, kKey, "Sec-WebSocket-Version: 8\r\n"}), 426},
      {join({kUpgrade, kKey, "Sec-WebSocket-Version: 013\r\n"}), 426},
      {join({kUpgrade, kKey, "Sec-WebSocket-Version: 13, 8\r\n"}), 426},
      {join({kUpgrade, kKey, kVersionField, kVersionField}), 400},
      {join({kUpgrade, kVersionField}), 400},
      {join({kUpgrade, kKey, kKey, kVersionField}), 400},
      {with_key("dGhlIHNhbXBsZSBub25jZQ"), 400},
      {with_key("dGhlIHNhbXBsZSBub25jZQ=="
                "="),
       400},
      {with_key("dGhlIHNhbXBsZSBub25jZ*=="), 400},
      {with_key("dGhlIHNhbXBsZSBub25jZR=="), 400},
      {with_key("dGhlIHNhbXBsZSBub25j"), 400},
      {with_key(""), 400},
      {join({kUpgrade, kKey, kVersionField, "Content-Length: 3\r\n"}), 400},
      {join({kUpgrade, kKey, kVersionField, "Sec-WebSocket-Protocol: a b\r\n"}), 400},
      {join({kUpgrade, kKey, kVersionField, "Sec-WebSocket-Protocol: \"a\"\r\n"}), 400},
      {join({kUpgrade, kKey, kVersionField, "Sec-WebSocket-Protocol: a, chat;x\r\n"}), 400},
      {join({kUpgrade, kKey, kVersionField}), 405, "POST /chat HTTP/1.1"},
      {join({kUpgrade, kKey, kVersionField}), 405, "HEAD /chat HTTP/1.1"},
      {join({kUpgrade, kKey, kVersionField}), 426, "GET /chat HTTP/1.0"},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(check(each.fields, each.line).status, each.status) << each.line << "\n"
                                                                 << each.fields;
  }
}

bool allows(const std::string& fields, const std::vector<std::string>& origins) {
  return is_origin_allowed(*Head(kLine, fields).head, origins);
}

TEST(Origin, IsThatOfTheHostWhereNoneIsListed) {
  EXPECT_TRUE(allows("", {}));
  EXPECT_TRUE(allows("Origin: http://example.org\r\n", {}));
  EXPECT_TRUE(allows("Origin: https://EXAMPLE.org\r\n", {}));
  EXPECT_TRUE(allows("Origin: https://example.org:443\r\n", {}));
  EXPECT_FALSE(allows("Origin: http://example.org:8080\r\n", {}));
  EXPECT_FALSE(allows("Origin: http://example.org.evil.net\r\n", {}));
  EXPECT_FALSE(allows("Origin: http://evil.net\r\n", {}));
  EXPECT_FALSE(allows("Origin: null\r\n", {}));
  EXPECT_FALSE(allows("Origin: example.org\r\n", {}));
  EXPECT_FALSE(allows("Origin: http://example.org\r\nOrigin: http://example.org\r\n", {}));
}

TEST(Origin, IsOneOfTheList) {
  const std::vector<std::string> list = {"https://a.net", "https://b.net:8443"};
  EXPECT_TRUE(allows("", list));
  EXPECT_TRUE(allows("Origin: https://A.net\r\n", list));
  EXPECT_TRUE(allows("Origin: https://b.net:8443\r\n", list));
  EXPECT_FALSE(allows("Origin: http://a.net\r\n", list));
  EXPECT_FALSE(allows("Origin: http://example.org\r\n", list));
  EXPECT_TRUE(allows("Origin: null\r\n", {"*"}));
}

TEST(Subprotocol, IsTheFirstOfTheClientsThatIsOffered) {
  constexpr std::array<std::string_view, 2> kOffered = {"chat", "graphql-ws"};
  const auto choose = [&](std::string_view fields) {
    return std::string(choose_subprotocol(*Head(kLine, fields).head, kOffered));
  };
  EXPECT_EQ(choose(""), "");
  EXPECT_EQ(choose("Sec-WebSocket-Protocol: mqtt\r\n"), "");
  EXPECT_EQ(choose("Sec-WebSocket-Protocol: mqtt, graphql-ws, chat\r\n"), "graphql-ws");
  EXPECT_EQ(choose("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: chat\r\n"), "chat");
  EXPECT_EQ(choose("Sec-WebSocket-Protocol: CHAT\r\n"), "");
}

}  // namespace
}  // namespace sockherd::websocket
