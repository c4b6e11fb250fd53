#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "daemon/http/forward.h"

namespace sockherd::http {
namespace {

constexpr std::string_view kVia = "Via: 1.1 sockherd\r\n";

std::unique_ptr<ReceivedHead> parse(std::string_view bytes, const AskedFor& asked = {}) {
  auto head = std::make_unique<ReceivedHead>();
  size_t scanned = 0;
  const ParseResult result = parse_response_head(bytes, {}, asked, *head, scanned);
  EXPECT_EQ(result.state, ParseState::Complete) << result.reason << ": " << bytes;
  return head;
}

std::string written(const ReceivedHead& head, const ClientHead& client) {
  std::string buffer(16384, '?');
  const HeadWritten result = write_client_head(head, client, buffer);
  EXPECT_EQ(result.outcome, WriteOutcome::Written);
  return buffer.substr(0, result.bytes);
}

// As it goes to a client that has sent GET in HTTP/1.1.
std::string passed(std::string_view bytes, ClientHead client = {}) {
  const auto head = parse(bytes);
  client.framing = frame_for_client(*head, Method::Get, 1);
  return written(*head, client);
}

TEST(ForwardResponse, WritesTheWholeHead) {
  EXPECT_EQ(passed("HTTP/1.1 200 Fine\r\nServer: x\r\nConnection: keep-alive\r\nDate: y\r\n"
                   "Content-Length: 007\r\nKeep-Alive: timeout=5\r\nETag: \"z\"\r\n\r\n",
                   {.date = "unused"}),
            "HTTP/1.1 200 Fine\r\nServer: x\r\nDate: y\r\nETag: \"z\"\r\n" + std::string(kVia) +
                "Content-Length: 7\r\n\r\n");
}

TEST(ForwardResponse, AddsADateWhereThereIsNone) {
  EXPECT_EQ(passed("HTTP/1.0 204 \r\n\r\n",
                   {.connection = ConnectionOption::Close, .date = "Sun, 06 Nov 1994"}),
            "HTTP/1.1 204 \r\nDate: Sun, 06 Nov 1994\r\nVia: 1.0 sockherd\r\n"
            "Connection: close\r\n\r\n");
}

TEST(ForwardResponse, WhatIsOfOneConnectionEndsHere) {
  EXPECT_EQ(
      passed("HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: x-a, x-b, close\r\nX-C: 2\r\nX-B: 3\r\n"
             "Upgrade: h2c\r\nTransfer-Encoding: chunked\r\nX-D: 4\r\n\r\n"),
      "HTTP/1.1 200 OK\r\nX-C: 2\r\nX-D: 4\r\n" + std::string(kVia) +
          "Transfer-Encoding: chunked\r\n\r\n");
}

TEST(ForwardResponse, FieldsOfTheConfigurationCount) {
  const Field fields[] = {{"X-Frame-Options", "DENY"}, {"Vary", "Cookie"}};
  EXPECT_EQ(passed("HTTP/1.1 200 OK\r\nx-frame-options: a\r\nVary: b\r\nA: c\r\n"
                   "X-FRAME-OPTIONS: d\r\nContent-Length: 0\r\n\r\n",
                   {.fields = fields}),
            "HTTP/1.1 200 OK\r\nVary: b\r\nA: c\r\n" + std::string(kVia) +
                "Content-Length: 0\r\nX-Frame-Options: DENY\r\nVary: Cookie\r\n\r\n");
}

TEST(ForwardResponse, FramesForTheClientThatAsks) {
  const struct {
    std::string_view bytes;
    Method method;
    uint8_t minor_version;
    ClientFraming wanted;
  } cases[] = {
      {"HTTP/1.1 200 A\r\nContent-Length: 5\r\n\r\n", Method::Get, 1, {BodyKind::Length, 5, false}},
      {"HTTP/1.1 200 A\r\nContent-Length: 5\r\n\r\n", Method::Get, 0, {BodyKind::Length, 5, false}},
      {"HTTP/1.1 200 A\r\nContent-Length: 5\r\n\r\n",
       Method::Head,
       1,
       {BodyKind::Length, 5, false}},
      {"HTTP/1.1 304 A\r\nContent-Length: 5\r\n\r\n", Method::Get, 1, {BodyKind::Length, 5, false}},
      {"HTTP/1.1 304 A\r\n\r\n", Method::Get, 1, {BodyKind::None, 0, false}},
      {"HTTP/1.1 204 A\r\nContent-Length: 0\r\n\r\n", Method::Get, 1, {BodyKind::None, 0, false}},
      {"HTTP/1.1 204 A\r\nContent-Length: 0\r\n\r\n", Method::Head, 1, {BodyKind::None, 0, false}},
      {"HTTP/1.1 200 A\r\n\r\n", Method::Get, 1, {BodyKind::Chunked, 0, false}},
      {"HTTP/1.1 200 A\r\n\r\n", Method::Get, 0, {BodyKind::None, 0, true}},
      {"HTTP/1.1 200 A\r\n\r\n", Method::Head, 0, {BodyKind::None, 0, false}},
      {"HTTP/1.1 200 A\r\nTransfer-Encoding: chunked\r\n\r\n",
       Method::Get,
       1,
       {BodyKind::Chunked, 0, false}},
      {"HTTP/1.1 200 A\r\nTransfer-Encoding: chunked\r\n\r\n",
       Method::Get,
       0,
       {BodyKind::None, 0, true}},
      {"HTTP/1.1 200 A\r\nTransfer-Encoding: chunked\r\n\r\n",
       Method::Head,
       1,
       {BodyKind::None, 0, false}},
  };
  for (const auto& each : cases) {
    const auto head = parse(each.bytes, {.method = each.method});
    const ClientFraming framing = frame_for_client(*head, each.method, each.minor_version);
    EXPECT_EQ(framing.body, each.wanted.body) << each.bytes << method_name(each.method);
    EXPECT_EQ(framing.content_length, each.wanted.content_length) << each.bytes;
    EXPECT_EQ(framing.until_close, each.wanted.until_close) << each.bytes;
  }
}

TEST(ForwardResponse, AnInterimResponseGoesOnAsItIs) {
  EXPECT_EQ(passed("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: b\r\nB: c\r\n\r\n",
                   {.date = "unused"}),
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
}

TEST(ForwardResponse, SwitchesToATunnel) {
  const auto head =
      parse("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\nX: y\r\n\r\n",
            {.upgrade = true});
  EXPECT_EQ(written(*head, {.framing = frame_for_client(*head, Method::Get, 1),
                            .connection = ConnectionOption::Upgrade}),
            "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nX: y\r\n" + std::string(kVia) +
                "Connection: Upgrade\r\n\r\n");
}

TEST(ForwardResponse, SaysWhichUpgradeIsRequired) {
  EXPECT_EQ(passed("HTTP/1.1 426 A\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
                   {.connection = ConnectionOption::Close}),
            "HTTP/1.1 426 A\r\nUpgrade: websocket\r\n" + std::string(kVia) +
                "Content-Length: 0\r\nConnection: close\r\nConnection: Upgrade\r\n\r\n");
}

TEST(ForwardResponse, NothingBreaksOutOfItsLine) {
  const auto head = parse("HTTP/1.1 200 A\r\n\r\n");
  std::string buffer(4096, '?');
  for (const Field& field : {Field{"A", "b\r\nC: d"}, Field{"A b", "c"}, Field{"", "c"}}) {
    EXPECT_EQ(write_client_head(*head, {.fields = {&field, 1}}, buffer).outcome,
              WriteOutcome::BadField);
  }
  EXPECT_EQ(write_client_head(*head, {.date = "a\n"}, buffer).outcome, WriteOutcome::BadField);
}

TEST(ForwardResponse, WritesNothingWhereTheHeadDoesNotFit) {
  const auto head = parse("HTTP/1.1 426 A\r\nUpgrade: a\r\nB: c\r\n\r\n");
  const Field fields[] = {{"D", "e"}};
  const ClientHead client{.framing = {.body = BodyKind::Length, .content_length = UINT64_MAX},
                          .connection = ConnectionOption::KeepAlive,
                          .date = "today",
                          .fields = fields};
  const HeadWritten wanted = write_client_head(*head, client, {});
  ASSERT_EQ(wanted.outcome, WriteOutcome::NoRoom);
  for (size_t room = 0; room <= wanted.bytes; ++room) {
    std::string buffer(wanted.bytes, '?');
    const HeadWritten result = write_client_head(*head, client, {buffer.data(), room});
    EXPECT_EQ(result.outcome == WriteOutcome::Written, room == wanted.bytes);
    EXPECT_LE(result.bytes, wanted.bytes);
    if (room == wanted.bytes) continue;
    EXPECT_EQ(buffer.find_first_not_of('?'), std::string::npos);
  }
}

}  // namespace
}  // namespace sockherd::http
