#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "daemon/http/forward.h"

namespace sockherd::http {
namespace {

using Outcome = ForwardedHead::Outcome;

constexpr ForwardClient kClient{.address = "192.0.2.7", .port = "8080"};
constexpr RequestId kId{.high = 0x0123456789abcdef, .low = 0xfedcba9876543210};

// What the proxy says of itself, where nothing was said before.
constexpr std::string_view kSaid =
    "X-Forwarded-For: 192.0.2.7\r\n"
    "X-Forwarded-Proto: http\r\n"
    "X-Forwarded-Host: a\r\n"
    "X-Forwarded-Port: 8080\r\n"
    "Forwarded: for=192.0.2.7;host=\"a\";proto=http\r\n";
constexpr std::string_view kVia = "Via: 1.1 sockherd\r\n";
constexpr std::string_view kRequestId = "X-Request-Id: 0123456789abcdeffedcba9876543210\r\n";

struct Case {
  ForwardTerms terms{};
  ForwardClient client = kClient;
};

ForwardedHead forward(std::string_view bytes, const Case& how, std::string& written) {
  const auto head = std::make_unique<RequestHead>();
  size_t scanned = 0;
  const ParseResult result = parse_request_head(bytes, {}, *head, scanned);
  EXPECT_EQ(result.state, ParseState::Complete) << result.reason << ": " << bytes;
  if (result.state != ParseState::Complete) return {};
  written.assign(16384, '?');
  const ForwardedHead outcome = write_upstream_head(*head, how.terms, how.client, kId, written);
  written.resize(outcome.outcome == Outcome::Written ? outcome.bytes : 0);
  return outcome;
}

std::string forwarded(std::string_view bytes, const Case& how = {}) {
  std::string written;
  const ForwardedHead outcome = forward(bytes, how, written);
  EXPECT_EQ(outcome.outcome, Outcome::Written) << outcome.reason;
  return written;
}

// Of GET / with these fields, by a proxy that says nothing: the lines between Host and Via.
std::string passed(const std::string& fields, Forwarding forwarding = Forwarding::Off) {
  const std::string written = forwarded("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n",
                                        {.terms = {.forwarding = forwarding}});
  constexpr std::string_view kBegin = "GET / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_TRUE(written.starts_with(kBegin)) << written;
  const size_t end = written.find(std::string(kVia));
  EXPECT_NE(end, std::string::npos) << written;
  return written.substr(kBegin.size(), end - kBegin.size());
}

// The lines behind Via.
std::string added(std::string_view bytes, const Case& how = {}) {
  const std::string written = forwarded(bytes, how);
  return written.substr(written.find(std::string(kVia)) + kVia.size());
}

TEST(ForwardRequest, WritesTheWholeHead) {
  EXPECT_EQ(forwarded("GET /a?b HTTP/1.1\r\nHost: a\r\nUser-Agent: c\r\nConnection: keep-alive\r\n"
                      "Accept: \td \r\n\r\n"),
            "GET /a?b HTTP/1.1\r\nHost: a\r\nUser-Agent: c\r\nAccept: \td \r\n" +
                std::string(kSaid) + std::string(kVia) + std::string(kRequestId) + "\r\n");
}

TEST(ForwardRequest, AsksAnOriginServer) {
  const struct {
    std::string_view line;
    std::string_view wanted;
  } cases[] = {
      {"GET http://b:80/x?y HTTP/1.1", "GET /x?y HTTP/1.1\r\nHost: b:80\r\n"},
      {"GET http://b HTTP/1.1", "GET / HTTP/1.1\r\nHost: b\r\n"},
      {"GET http://b?y=/z HTTP/1.1", "GET /?y=/z HTTP/1.1\r\nHost: b\r\n"},
      {"GET http://b/? HTTP/1.1", "GET /? HTTP/1.1\r\nHost: b\r\n"},
      {"OPTIONS http://b HTTP/1.1", "OPTIONS * HTTP/1.1\r\nHost: b\r\n"},
      {"OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1\r\nHost: a\r\n"},
      {"OPTIONS http://b/ HTTP/1.1", "OPTIONS / HTTP/1.1\r\nHost: b\r\n"},
      {"PURGE //x/../y HTTP/1.1", "PURGE //x/../y HTTP/1.1\r\nHost: a\r\n"},
      {"GET / HTTP/1.7", "GET / HTTP/1.1\r\nHost: a\r\n"},
      {"GET / HTTP/1.0", "GET / HTTP/1.1\r\nHost: a\r\n"},
  };
  for (const auto& each : cases) {
    const std::string written = forwarded(std::string(each.line) + "\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(written.starts_with(each.wanted)) << written;
    EXPECT_EQ(written.find("\r\nHost: ", written.find("Host: ")), std::string::npos) << written;
  }
}

TEST(ForwardRequest, SaysAnotherHostWhereItIsTold) {
  const std::string written = forwarded("GET / HTTP/1.1\r\nX: y\r\nHost: a\r\n\r\n",
                                        {.terms = {.host = "inside.example:81"}});
  EXPECT_TRUE(written.starts_with("GET / HTTP/1.1\r\nHost: inside.example:81\r\nX: y\r\n"));
  EXPECT_NE(written.find("X-Forwarded-Host: a\r\n"), std::string::npos);
}

TEST(ForwardRequest, AnHttp10RequestWithoutHostHasAnEmptyOne) {
  EXPECT_EQ(forwarded("GET / HTTP/1.0\r\n\r\n", {.client = {.address = "::1"}}),
            "GET / HTTP/1.1\r\nHost: \r\nX-Forwarded-For: ::1\r\nX-Forwarded-Proto: http\r\n"
            "Forwarded: for=\"[::1]\";proto=http\r\nVia: 1.0 sockherd\r\n" +
                std::string(kRequestId) + "\r\n");
}

TEST(ForwardRequest, AClientWithoutAnAddressIsUnknown) {
  const std::string written = forwarded("GET / HTTP/1.1\r\nHost: a\r\n\r\n", {.client = {}});
  EXPECT_EQ(written.find("X-Forwarded-For"), std::string::npos) << written;
  EXPECT_NE(written.find("Forwarded: for=unknown;host=\"a\";proto=http\r\n"), std::string::npos);
}

TEST(ForwardRequest, FramesTheContentAsItWasRead) {
  EXPECT_EQ(added("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n"),
            std::string(kRequestId) + "Content-Length: 7\r\n\r\n");
  EXPECT_EQ(added("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:\tCHUNKED\r\n\r\n"),
            std::string(kRequestId) + "Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(added("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), std::string(kRequestId) + "\r\n");
}

TEST(ForwardRequest, WhatIsOfOneConnectionEndsHere) {
  EXPECT_EQ(passed("A: 1\r\nConnection: close, X-Secret,,  cookie\r\nB: 2\r\nKeep-Alive: 5\r\n"
                   "x-secret: 3\r\nC: 4\r\nCookie: d\r\nProxy-Connection: e\r\nExpect: \r\n"
                   "Proxy: f\r\nUpgrade: g\r\nHTTP2-Settings: h\r\nTrailer: i\r\n"
                   "Proxy-Authorization: j\r\nD: k\r\n"),
            "A: 1\r\nB: 2\r\nC: 4\r\nD: k\r\n");
}

TEST(ForwardRequest, ConnectionCannotTakeAwayWhatTheProxySays) {
  const std::string written = forwarded(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: host, via, x-forwarded-for, x-request-id\r\n"
      "X-Forwarded-For: 10.1.1.1\r\nVia: 1.1 b\r\nX-Request-Id: c\r\n\r\n",
      {.terms = {.forwarding = Forwarding::Append}});
  EXPECT_NE(written.find("\r\nHost: a\r\n"), std::string::npos) << written;
  EXPECT_NE(written.find("X-Forwarded-For: 10.1.1.1, 192.0.2.7\r\n"), std::string::npos);
  EXPECT_NE(written.find("Via: 1.1 b\r\n"), std::string::npos) << written;
  EXPECT_NE(written.find("X-Request-Id: c\r\n"), std::string::npos) << written;
}

TEST(ForwardRequest, TooManyConnectionOptionsAreRefused) {
  std::string options;
  for (int i = 0; i < 17; ++i) options += "x-" + std::to_string(i) + ", ";
  std::string written;
  const ForwardedHead outcome =
      forward("GET / HTTP/1.1\r\nHost: a\r\nConnection: " + options + "\r\n\r\n", {}, written);
  EXPECT_EQ(outcome.outcome, Outcome::Refused);
  EXPECT_EQ(outcome.status, 400);
}

TEST(ForwardRequest, AnUnderscoreIsNoDisguise) {
  EXPECT_EQ(passed("Content_Length: 5\r\nTransfer_Encoding: chunked\r\nX_Forwarded_For: 1\r\n"
                   "x-forwarded_proto: https\r\nX_Real_IP: 2\r\nX_Request_Id: 3\r\n"
                   "X_Forwarded_Secret: 4\r\nMy_Own: 5\r\n",
                   Forwarding::Append)
                .substr(0, 13),
            "My_Own: 5\r\nX-");
  EXPECT_EQ(passed("Content_Length: 5\r\nX_Forwarded_For: 1\r\nMy_Own: 5\r\n"),
            "X_Forwarded_For: 1\r\nMy_Own: 5\r\n")
      << "with forwarding off, what clients say of themselves is nothing to us";
}

TEST(ForwardRequest, ReplacesWhatTheClientSaysOfItself) {
  EXPECT_EQ(passed("X-Forwarded-For: 1\r\nX-FORWARDED-Proto: https\r\nX-Forwarded-Host: b\r\n"
                   "X-Forwarded-Port: 443\r\nX-Forwarded-Prefix: /c\r\nX-Real-IP: 2\r\n"
                   "Forwarded: for=3\r\nX-Forwarded: d\r\n",
                   Forwarding::Replace),
            "X-Forwarded: d\r\n" + std::string(kSaid));
}

TEST(ForwardRequest, AppendsToWhatTheProxyBeforeHasSaid) {
  EXPECT_EQ(passed("X-Forwarded-For: 10.1.1.1\r\nX-Forwarded-For:\r\nX-Forwarded-Proto: https\r\n"
                   "A: b\r\nX-Forwarded-For: 10.2.2.2\r\nX-Real-IP: 10.1.1.1\r\n"
                   "Forwarded: for=10.1.1.1;proto=https\r\n",
                   Forwarding::Append),
            "X-Forwarded-Proto: https\r\nA: b\r\nX-Real-IP: 10.1.1.1\r\n"
            "X-Forwarded-For: 10.1.1.1, 10.2.2.2, 192.0.2.7\r\n"
            "Forwarded: for=10.1.1.1;proto=https, for=192.0.2.7;host=\"a\";proto=http\r\n");
}

TEST(ForwardRequest, AppendsToTheListThatIsThereAndMakesNoOther) {
  EXPECT_EQ(passed("X-Forwarded-For: 10.1.1.1\r\nX-Forwarded-Host: b\r\n", Forwarding::Append),
            "X-Forwarded-Host: b\r\nX-Forwarded-For: 10.1.1.1, 192.0.2.7\r\n");
  EXPECT_EQ(passed("Forwarded: for=_x\r\nX-Forwarded-Host: b\r\n", Forwarding::Append),
            "X-Forwarded-Host: b\r\nForwarded: for=_x, for=192.0.2.7;host=\"a\";proto=http\r\n");
  EXPECT_EQ(passed("", Forwarding::Append), kSaid);
}

TEST(ForwardRequest, NobodyIsAppendedInsideAQuote) {
  EXPECT_EQ(passed("Forwarded: for=\"[::1\r\nForwarded: for=\"a\\\"b\"\r\nX-Forwarded-Host: b\r\n",
                   Forwarding::Append),
            "X-Forwarded-Host: b\r\n"
            "Forwarded: for=\"a\\\"b\", for=192.0.2.7;host=\"a\";proto=http\r\n");
}

TEST(ForwardRequest, SaysNothingOfTheClientWhereThatIsOff) {
  const std::string fields = "X-Forwarded-For: 1\r\nForwarded: for=3\r\nX-Real-IP: 2\r\n";
  EXPECT_EQ(passed(fields), fields);
  EXPECT_EQ(added("GET / HTTP/1.1\r\nHost: a\r\n\r\n", {.terms = {.forwarding = Forwarding::Off}}),
            "\r\n")
      << "no request id either";
}

TEST(ForwardRequest, KeepsARequestIdThatDoesNoHarm) {
  const auto id_of = [](const std::string& fields) {
    std::string written;
    const ForwardedHead outcome =
        forward("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n", {}, written);
    const std::string id(outcome.request_id);
    EXPECT_NE(written.find("X-Request-Id: " + id), std::string::npos) << written;
    EXPECT_EQ(written.find("X-Request-Id: "), written.rfind("X-Request-Id: ")) << written;
    return id;
  };
  const std::string ours = "0123456789abcdeffedcba9876543210";
  EXPECT_EQ(id_of(""), ours);
  EXPECT_EQ(id_of("X-Request-Id: a-b/c=1\r\n"), "a-b/c=1");
  EXPECT_EQ(id_of("X-Request-Id: a\r\nX-Request-Id: b\r\n"), "a");
  EXPECT_EQ(id_of("X-Request-Id:\r\n"), ours);
  EXPECT_EQ(id_of("X-Request-Id: a b\r\n"), ours);
  EXPECT_EQ(id_of("X-Request-Id: <script>\r\n"), ours);
  EXPECT_EQ(id_of("X-Request-Id: " + std::string(128, 'a') + "\r\n"), std::string(128, 'a'));
  EXPECT_EQ(id_of("X-Request-Id: " + std::string(129, 'a') + "\r\n"), ours);
}

TEST(ForwardRequest, PassesTheWishForTrailersAndNoOtherCoding) {
  std::string written;
  const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: ";
  EXPECT_TRUE(forward(begin + "gzip;q=1, Trailers\r\n\r\n", {}, written).takes_trailers);
  EXPECT_TRUE(written.ends_with("TE: trailers\r\nConnection: TE\r\n\r\n")) << written;
  EXPECT_EQ(written.find("gzip"), std::string::npos);
  EXPECT_FALSE(forward(begin + "deflate\r\n\r\n", {}, written).takes_trailers);
  EXPECT_EQ(written.find("TE: "), std::string::npos) << written;
  const std::string old = "GET / HTTP/1.0\r\nTE: trailers\r\n\r\n";
  EXPECT_FALSE(forward(old, {}, written).takes_trailers);
}

TEST(ForwardRequest, AnnouncesTrailersThatCanCome) {
  const std::string trailer = "Trailer: X-Sum\r\n";
  EXPECT_NE(
      forwarded("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + trailer + "\r\n")
          .find(trailer),
      std::string::npos);
}

TEST(ForwardRequest, AsksForATunnel) {
  const std::string fields =
      "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n";
  const std::string written = forwarded("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
  EXPECT_TRUE(written.ends_with("Connection: Upgrade\r\n\r\n")) << written;
  EXPECT_NE(written.find("\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"), std::string::npos);
}

TEST(ForwardRequest, HttpDoesNotHideInATunnel) {
  const struct {
    std::string_view line;
    std::string_view upgrade;
    bool is_tunnel;
  } cases[] = {
      {"GET / HTTP/1.1", "websocket", true},      {"GET / HTTP/1.1", "foo/2, bar", true},
      {"GET / HTTP/1.1", "h2c", false},           {"GET / HTTP/1.1", "websocket, H2C", false},
      {"GET / HTTP/1.1", "HTTP/2.0", false},      {"GET / HTTP/1.1", "TLS/1.0", false},
      {"POST / HTTP/1.1", "websocket", false},    {"GET / HTTP/1.0", "websocket", false},
      {"OPTIONS * HTTP/1.1", "websocket", false},
  };
  for (const auto& each : cases) {
    const std::string bytes = std::string(each.line) + "\r\nHost: a\r\nConnection: upgrade\r\n" +
                              "Upgrade: " + std::string(each.upgrade) + "\r\n\r\n";
    RequestHead head;
    size_t scanned = 0;
    ASSERT_EQ(parse_request_head(bytes, {}, head, scanned).state, ParseState::Complete);
    EXPECT_EQ(is_tunnel(head), each.is_tunnel) << bytes;
    EXPECT_EQ(forwarded(bytes).find("\r\nUpgrade: ") != std::string::npos, each.is_tunnel);
    EXPECT_EQ(forwarded(bytes).find("Connection: Upgrade") != std::string::npos, each.is_tunnel);
  }
}

TEST(ForwardRequest, CountsHopsWhereItIsTold) {
  std::string written;
  const std::string begin = "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: ";
  EXPECT_EQ(forward(begin + "0\r\n\r\n", {}, written).outcome, Outcome::LastHop);
  EXPECT_NE(forwarded(begin + "10\r\n\r\n").find("\r\nMax-Forwards: 9\r\n"), std::string::npos);
  EXPECT_NE(forwarded(begin + "x\r\n\r\n").find("\r\nMax-Forwards: x\r\n"), std::string::npos);
  EXPECT_EQ(passed("Max-Forwards: 0\r\n"), "Max-Forwards: 0\r\n") << "of GET it says nothing";
}

TEST(ForwardRequest, AProxyThatAsksItselfIsFound) {
  const std::string us = "1.1 sockherd, ";
  std::string written;
  const auto outcome_of = [&written](const std::string& via) {
    return forward("GET / HTTP/1.1\r\nHost: a\r\nVia: " + via + "\r\n\r\n", {}, written);
  };
  std::string nine;
  for (int i = 0; i < 9; ++i) nine += us;
  EXPECT_EQ(outcome_of(nine).outcome, Outcome::Written);
  EXPECT_EQ(outcome_of(nine + us).status, 508);
  EXPECT_EQ(outcome_of(nine + "\r\nVIA: HTTP/1.0\tsockherd (a)").status, 508);
  EXPECT_EQ(outcome_of(nine + "1.1 sockherd.example, 1.1 mysockherd, sockherd").outcome,
            Outcome::Written);
  EXPECT_NE(written.find("Via: 1.1 sockherd, "), std::string::npos) << "and is passed on";
}

TEST(ForwardRequest, DoesNotForwardConnect) {
  std::string written;
  EXPECT_EQ(forward("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", {}, written).status, 501);
}

TEST(ForwardRequest, WritesNothingWhereTheHeadDoesNotFit) {
  const std::string bytes =
      "POST http://b?x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1\r\nForwarded: for=1\r\n"
      "Transfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n\r\n";
  RequestHead head;
  size_t scanned = 0;
  ASSERT_EQ(parse_request_head(bytes, {}, head, scanned).state, ParseState::Complete);
  const ForwardTerms terms{.forwarding = Forwarding::Append};
  const ForwardedHead wanted = write_upstream_head(head, terms, kClient, kId, {});
  ASSERT_EQ(wanted.outcome, Outcome::NoRoom);
  for (size_t room = 0; room <= wanted.bytes; ++room) {
    std::string buffer(wanted.bytes, '?');
    const ForwardedHead result =
        write_upstream_head(head, terms, kClient, kId, {buffer.data(), room});
    EXPECT_EQ(result.outcome, room < wanted.bytes ? Outcome::NoRoom : Outcome::Written);
    if (room == wanted.bytes) continue;
    EXPECT_EQ(buffer.find_first_not_of('?'), std::string::npos);
  }
}

}  // namespace
}  // namespace sockherd::http
