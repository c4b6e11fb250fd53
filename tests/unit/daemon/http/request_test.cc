#include "daemon/http/request.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sockherd::http {
namespace {

using namespace std::string_literals;

// A verdict and the head, as text that owns its bytes.
std::string describe(const ParseResult& result, const RequestHead& head) {
  if (result.state == ParseState::Incomplete) return "incomplete";
  if (result.state == ParseState::Refused) {
    return std::to_string(result.status) + " " + result.reason;
  }
  std::string text = "complete " + std::to_string(result.consumed);
  for (const std::string_view part : {method_name(head.method), head.method_text, head.target,
                                      head.path, head.query, head.host}) {
    text += " |" + std::string(part);
  }
  for (const uint64_t number :
       {uint64_t{static_cast<uint8_t>(head.form)}, uint64_t{head.minor_version},
        uint64_t{static_cast<uint8_t>(head.body)}, head.content_length, uint64_t{head.keep_alive},
        uint64_t{head.expect_continue}, uint64_t{head.upgrade}}) {
    text += " " + std::to_string(number);
  }
  for (const Field& field : head.fields()) {
    text += "\n" + std::string(field.name) + "=" + std::string(field.value);
  }
  return text;
}

// Parses a copy of exactly these bytes on the heap, so that a sanitizer sees a look behind the end.
std::string parse_copy(std::string_view bytes, const HeadLimits& limits, size_t& scanned) {
  const auto copy = std::make_unique<char[]>(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.get(), bytes.data(), bytes.size());
  const auto head = std::make_unique<RequestHead>();
  const ParseResult result = parse_request_head({copy.get(), bytes.size()}, limits, *head, scanned);
  return describe(result, *head);
}

std::string verdict(std::string_view bytes, const HeadLimits& limits = {}) {
  size_t scanned = 0;
  return parse_copy(bytes, limits, scanned);
}

// What a head of these lines comes to; the lines get their CRLFs here.
std::string verdict_of_lines(const std::vector<std::string>& lines) {
  std::string bytes;
  for (const std::string& line : lines) bytes += line + "\r\n";
  return verdict(bytes + "\r\n");
}

// Keeps the bytes that the views of the head point into.
struct Parsed {
  std::string bytes;
  ParseResult result;
  RequestHead head;
};

std::unique_ptr<Parsed> parse(std::string bytes, const HeadLimits& limits = {}) {
  auto parsed = std::make_unique<Parsed>();
  parsed->bytes = std::move(bytes);
  size_t scanned = 0;
  parsed->result = parse_request_head(parsed->bytes, limits, parsed->head, scanned);
  return parsed;
}

std::unique_ptr<Parsed> parse_fields(const std::string& fields) {
  return parse("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
}

TEST(Request, ReadsTheHeadOfAUsualRequest) {
  const std::string bytes =
      "GET /a/b?c=d&e HTTP/1.1\r\nHost: example.com:8080\r\nAccept:*/*\r\nX-Blank: \t v w \t\r\n"
      "Empty:\r\n\r\nnext";
  const auto parsed = parse(bytes);
  const RequestHead& head = parsed->head;
  ASSERT_EQ(parsed->result.state, ParseState::Complete);
  EXPECT_EQ(parsed->result.consumed, bytes.size() - 4);
  EXPECT_EQ(head.method, Method::Get);
  EXPECT_EQ(head.method_text, "GET");
  EXPECT_EQ(head.target, "/a/b?c=d&e");
  EXPECT_EQ(head.form, TargetForm::Origin);
  EXPECT_EQ(head.path, "/a/b");
  EXPECT_EQ(head.query, "c=d&e");
  EXPECT_EQ(head.host, "example.com:8080");
  EXPECT_EQ(head.minor_version, 1);
  EXPECT_EQ(head.body, BodyKind::None);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.expect_continue);
  EXPECT_FALSE(head.upgrade);
  ASSERT_EQ(head.fields().size(), 4U);
  EXPECT_EQ(head.field("accept"), "*/*");
  EXPECT_EQ(head.field("X-BLANK"), "v w");
  EXPECT_EQ(head.field("empty"), "");
  EXPECT_NE(head.field("empty").data(), nullptr);
  EXPECT_EQ(head.field("absent").data(), nullptr);
}

TEST(Request, KnowsEveryMethodByItsExactName) {
  for (const Method method : {Method::Get, Method::Head, Method::Post, Method::Put, Method::Delete,
                              Method::Patch, Method::Options, Method::Trace}) {
    const auto parsed = parse(std::string(method_name(method)) + " / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_EQ(parsed->result.state, ParseState::Complete);
    EXPECT_EQ(parsed->head.method, method);
  }
}

TEST(Request, LeavesAnUnknownMethodTokenToTheCaller) {
  for (const std::string method : {"get", "BREW", "X", "!#$%&'*+-.^_`|~0", "GETT", "CONNECTS"}) {
    const auto parsed = parse(method + " / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_EQ(parsed->result.state, ParseState::Complete) << method;
    EXPECT_EQ(parsed->head.method, Method::Unknown);
    EXPECT_EQ(parsed->head.method_text, method);
  }
}

TEST(Request, JudgesRequestLines) {
  const struct {
    std::string line;
    std::string verdict;  // "" = complete
  } cases[] = {
      {"GET / HTTP/1.1", ""},
      {"GET / HTTP/1.0", ""},
      {"GET / HTTP/1.2", ""},
      {"GET / HTTP/1.9", ""},
      {"GET / HTTP/2.0", "505 only HTTP/1.0 and HTTP/1.1 are spoken here"},
      {"PRI * HTTP/2.0", "505 only HTTP/1.0 and HTTP/1.1 are spoken here"},
      {"GET / HTTP/0.9", "505 only HTTP/1.0 and HTTP/1.1 are spoken here"},
      {"GET / http/1.1", "400 bad HTTP version"},
      {"GET / HTTP/1", "400 bad HTTP version"},
      {"GET / HTTP/11", "400 bad HTTP version"},
      {"GET / HTTP/1,1", "400 bad HTTP version"},
      {"GET / HTTP/a.1", "400 bad HTTP version"},
      {"GET / HTTP/1.x", "400 bad HTTP version"},
      {"GET / HTTPS/1.1", "400 bad HTTP version"},
      {"GET / ICE/1.0", "400 bad HTTP version"},
      {"GET / HTTP/1.10", "400 bytes behind the HTTP version"},
      {"GET / HTTP/1.1 ", "400 bytes behind the HTTP version"},
      {"GET / ", "400 bad HTTP version"},
      {"GET /", "400 bad byte in the request target"},
      {"GET", "400 bad method"},
      {"GET  / HTTP/1.1", "400 empty request target"},
      {"GET /  HTTP/1.1", "400 bad HTTP version"},
      {"GET\t/ HTTP/1.1", "400 bad method"},
      {"GET /\tHTTP/1.1", "400 bad byte in the request target"},
      {" GET / HTTP/1.1", "400 bad method"},
      {"G(T / HTTP/1.1", "400 bad method"},
      {"G\x80T / HTTP/1.1", "400 bad method"},
      {"\x16\x03\x01\x02", "400 TLS on a plain-text port"},
      {std::string(64, 'M') + " / HTTP/1.1", ""},
      {std::string(65, 'M') + " / HTTP/1.1", "501 method too long"},
      // Bytes of the target.
      {"GET /%zz?[]{}|\\^`' HTTP/1.1", ""},
      {"GET /a#b HTTP/1.1", "400 bad byte in the request target"},
      {"GET /\" HTTP/1.1", "400 bad byte in the request target"},
      {"GET /<x> HTTP/1.1", "400 bad byte in the request target"},
      {"GET /\xc3\xa4 HTTP/1.1", "400 bad byte in the request target"},
      {"GET /\x7f HTTP/1.1", "400 bad byte in the request target"},
      {"GET /\x01 HTTP/1.1", "400 bad byte in the request target"},
      {"GET /a\0 HTTP/1.1"s, "400 bad byte in the request target"},
      // Forms of the target.
      {"OPTIONS * HTTP/1.1", ""},
      {"GET * HTTP/1.1", "400 \"*\" without OPTIONS"},
      {"OPTIONS ** HTTP/1.1", "400 bad request target"},
      {"CONNECT example.com:443 HTTP/1.1", ""},
      {"CONNECT [::1]:443 HTTP/1.1", ""},
      {"CONNECT example.com HTTP/1.1", "400 CONNECT needs host:port"},
      {"CONNECT example.com: HTTP/1.1", "400 CONNECT needs host:port"},
      {"CONNECT / HTTP/1.1", "400 CONNECT needs host:port"},
      {"CONNECT http://a:1/ HTTP/1.1", "400 CONNECT needs host:port"},
      {"GET example.com:443 HTTP/1.1", "400 bad request target"},
      {"GET a HTTP/1.1", "400 bad request target"},
      {"GET ?a HTTP/1.1", "400 bad request target"},
      {"GET http:/a HTTP/1.1", "400 bad request target"},
      {"GET http:// HTTP/1.1", "400 bad request target"},
      {"GET http:///a HTTP/1.1", "400 bad request target"},
      {"GET http://?a HTTP/1.1", "400 bad request target"},
      {"GET http://u@a/ HTTP/1.1", "400 bad request target"},
      {"GET http://a:b/ HTTP/1.1", "400 bad request target"},
      {"GET ftp://a/ HTTP/1.1", "400 bad request target"},
      {"GET http HTTP/1.1", "400 bad request target"},
  };
  for (const auto& [line, expected] : cases) {
    const std::string got = verdict_of_lines({line, "Host: a"});
    if (expected.empty()) {
      EXPECT_TRUE(got.starts_with("complete")) << line << ": " << got;
    } else {
      EXPECT_EQ(got, expected) << line;
    }
  }
}

TEST(Request, SplitsTheTargetIntoItsParts) {
  const struct {
    std::string line;
    TargetForm form;
    std::string path;
    std::string query;
    std::string host;
  } cases[] = {
      {"GET /", TargetForm::Origin, "/", "", "field"},
      {"GET /?", TargetForm::Origin, "/", "", "field"},
      {"GET //a", TargetForm::Origin, "//a", "", "field"},
      {"GET /a?b?c", TargetForm::Origin, "/a", "b?c", "field"},
      {"GET http://a.b", TargetForm::Absolute, "/", "", "a.b"},
      {"GET HTTP://a.b:80/", TargetForm::Absolute, "/", "", "a.b:80"},
      {"GET https://[::1]:443/x/y?z", TargetForm::Absolute, "/x/y", "z", "[::1]:443"},
      {"GET http://a.b?q", TargetForm::Absolute, "/", "q", "a.b"},
      {"GET http://a.b?q/@", TargetForm::Absolute, "/", "q/@", "a.b"},
      {"CONNECT a:1", TargetForm::Authority, "", "", "field"},
      {"OPTIONS *", TargetForm::Asterisk, "*", "", "field"},
      {"OPTIONS http://a.b:1", TargetForm::Asterisk, "*", "", "a.b:1"},
      {"OPTIONS http://a.b/", TargetForm::Absolute, "/", "", "a.b"},
      {"OPTIONS http://a.b?q", TargetForm::Absolute, "/", "q", "a.b"},
  };
  for (const auto& row : cases) {
    const auto parsed = parse(row.line + " HTTP/1.1\r\nHost: field\r\n\r\n");
    ASSERT_EQ(parsed->result.state, ParseState::Complete) << row.line;
    EXPECT_EQ(parsed->head.form, row.form) << row.line;
    EXPECT_EQ(parsed->head.path, row.path) << row.line;
    EXPECT_EQ(parsed->head.query, row.query) << row.line;
    EXPECT_EQ(parsed->head.host, row.host) << row.line;
  }
}

TEST(Request, SkipsOneEmptyLineBeforeTheRequestLine) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const auto parsed = parse("\r\n" + head);
  ASSERT_EQ(parsed->result.state, ParseState::Complete);
  EXPECT_EQ(parsed->result.consumed, head.size() + 2);
  EXPECT_EQ(verdict("\r\n\r\n" + head), "400 bad method");
  EXPECT_EQ(verdict("\n" + head), "400 bad method");
  EXPECT_EQ(verdict("\rG" + head), "400 bare CR");
}

TEST(Request, JudgesFieldLines) {
  const struct {
    std::string line;
    std::string verdict;  // "" = complete
  } cases[] = {
      {"A: b", ""},
      {"A:b", ""},
      {"A:", ""},
      {"A: ", ""},
      {"!#$%&'*+-.^_`|~09azAZ: b", ""},
      {"A: b\tc", ""},
      {"A: \x80\xff\xc3\xa4", ""},
      {"A: \"(),/:;<=>?@[\\]{}", ""},
      {": b", "400 bad byte in a field name"},
      {"A b: c", "400 blank before the colon of a field"},
      {"A : b", "400 blank before the colon of a field"},
      {"A\t: b", "400 blank before the colon of a field"},
      {" A: b", "400 line begins with a blank (obs-fold)"},
      {"\tA: b", "400 line begins with a blank (obs-fold)"},
      {" ", "400 line begins with a blank (obs-fold)"},
      {"A", "400 bad byte in a field name"},
      {"A(: b", "400 bad byte in a field name"},
      {"A\xe4: b", "400 bad byte in a field name"},
      {"A\0: b"s, "400 bad byte in a field name"},
      {"A: b\0c"s, "400 bad byte in a field value"},
      {"A: b\x01", "400 bad byte in a field value"},
      {"A: b\x0b", "400 bad byte in a field value"},
      {"A: b\x0c", "400 bad byte in a field value"},
      {"A: b\x1f", "400 bad byte in a field value"},
      {"A: b\x7f", "400 bad byte in a field value"},
      {"A: b\rc", "400 bare CR"},
      {"A: b\r\r", "400 bare CR"},
      {"A: b\nc: d", "400 bare LF"},
      {"A: b\r\n c", "400 line begins with a blank (obs-fold)"},
      {"A: b\n", "400 bare LF"},
      {"A\n: b", "400 bad byte in a field name"},
  };
  for (const auto& [line, expected] : cases) {
    for (const bool first : {true, false}) {
      const std::vector<std::string> lines =
          first ? std::vector<std::string>{"GET / HTTP/1.1", line, "Host: a"}
                : std::vector<std::string>{"GET / HTTP/1.1", "Host: a", line};
      const std::string got = verdict_of_lines(lines);
      if (expected.empty()) {
        EXPECT_TRUE(got.starts_with("complete")) << line << ": " << got;
      } else {
        EXPECT_EQ(got, expected) << line;
      }
    }
  }
}

TEST(Request, FindsABadByteAtEveryPlaceOfAValue) {
  for (size_t size = 1; size <= 24; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string value(size, 'v');
        value[at] = static_cast<char>(byte);
        const bool good = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
        const auto parsed = parse_fields("A: " + value + "\r\n");
        ASSERT_EQ(parsed->result.state == ParseState::Complete, good)
            << size << " " << at << " " << byte;
      }
    }
  }
}

TEST(Request, RefusesLineEndsOtherThanCrLf) {
  const std::string good = "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n";
  for (size_t at = good.find('\r'); at != std::string::npos; at = good.find('\r', at + 1)) {
    std::string bare_lf = good;
    bare_lf.erase(at, 1);
    EXPECT_TRUE(verdict(bare_lf).starts_with("400 ")) << bare_lf;
    std::string bare_cr = good;
    bare_cr.erase(at + 1, 1);
    if (at + 2 < good.size()) {
      EXPECT_EQ(verdict(bare_cr), "400 bare CR") << bare_cr;
    }
  }
}

TEST(Request, JudgesHost) {
  const struct {
    std::vector<std::string> lines;
    std::string verdict;
  } cases[] = {
      {{"GET / HTTP/1.1"}, "400 no Host"},
      {{"GET http://a/ HTTP/1.1"}, "400 no Host"},
      {{"GET / HTTP/1.0"}, ""},
      {{"GET / HTTP/1.1", "Host: a", "Host: a"}, "400 repeated Host"},
      {{"GET / HTTP/1.0", "Host: a", "host: b"}, "400 repeated Host"},
      {{"GET / HTTP/1.1", "Host:"}, ""},
      {{"GET / HTTP/1.1", "hOST: a"}, ""},
      {{"GET / HTTP/1.1", "Host: a.b-c_d~e"}, ""},
      {{"GET / HTTP/1.1", "Host: a:"}, ""},
      {{"GET / HTTP/1.1", "Host: a:65535"}, ""},
      {{"GET / HTTP/1.1", "Host: a:65536"}, "400 bad Host"},
      {{"GET / HTTP/1.1", "Host: a:-1"}, "400 bad Host"},
      {{"GET / HTTP/1.1", "Host: :80"}, "400 bad Host"},
      {{"GET / HTTP/1.1", "Host: a b"}, "400 bad Host"},
      {{"GET / HTTP/1.1", "Host: a,b"}, ""},
      {{"GET / HTTP/1.1", "Host: a/b"}, "400 bad Host"},
      {{"GET / HTTP/1.1", "Host: u@a"}, "400 bad Host"},
      {{"GET / HTTP/1.1", "Host: http://a"}, "400 bad Host"},
      {{"GET / HTTP/1.1", "Host: a\xe4"}, "400 bad Host"},
      {{"GET / HTTP/1.1", "Host: [::1]"}, ""},
      {{"GET / HTTP/1.1", "Host: [::1"}, "400 bad Host"},
      {{"GET http://a/ HTTP/1.1", "Host: a b"}, "400 bad Host"},
  };
  for (const auto& [lines, expected] : cases) {
    const std::string got = verdict_of_lines(lines);
    if (expected.empty()) {
      EXPECT_TRUE(got.starts_with("complete")) << lines.back() << ": " << got;
    } else {
      EXPECT_EQ(got, expected) << lines.back();
    }
  }
}

TEST(Request, JudgesFraming) {
  const struct {
    std::vector<std::string> fields;
    std::string verdict;
  } cases[] = {
      {{"Content-Length: 0"}, ""},
      {{"content-LENGTH: 18446744073709551615"}, ""},
      {{"Content-Length: 18446744073709551616"}, "400 bad Content-Length"},
      {{"Content-Length: 99999999999999999999999"}, "400 bad Content-Length"},
      {{"Content-Length:"}, "400 bad Content-Length"},
      {{"Content-Length: +1"}, "400 bad Content-Length"},
      {{"Content-Length: -1"}, "400 bad Content-Length"},
      {{"Content-Length: 0x1"}, "400 bad Content-Length"},
      {{"Content-Length: 1a"}, "400 bad Content-Length"},
      {{"Content-Length: 1 2"}, "400 bad Content-Length"},
      {{"Content-Length: 1,1"}, "400 bad Content-Length"},
      {{"Content-Length: 1.0"}, "400 bad Content-Length"},
      {{"Content-Length: 1", "Content-Length: 1"}, "400 repeated Content-Length"},
      {{"Content-Length: 1", "Content-Length: 2"}, "400 repeated Content-Length"},
      {{"Transfer-Encoding: chunked"}, ""},
      {{"transfer-encoding: CHUNKED"}, ""},
      {{"Transfer-Encoding: chunked", "Content-Length: 1"},
       "400 Content-Length and Transfer-Encoding"},
      {{"Content-Length: x", "Transfer-Encoding: y"}, "400 Content-Length and Transfer-Encoding"},
      {{"Transfer-Encoding: chunked", "Transfer-Encoding: chunked"},
       "400 repeated Transfer-Encoding"},
      {{"Transfer-Encoding: chunked", "Transfer-Encoding: identity"},
       "400 repeated Transfer-Encoding"},
      {{"Transfer-Encoding: chunked, chunked"}, "400 bad Transfer-Encoding"},
      {{"Transfer-Encoding: chunked, identity"}, "400 bad Transfer-Encoding"},
      {{"Transfer-Encoding: chunked;a=b"}, "400 bad Transfer-Encoding"},
      {{"Transfer-Encoding: chunked,"}, "400 bad Transfer-Encoding"},
      {{"Transfer-Encoding: ,chunked"}, "400 bad Transfer-Encoding"},
      {{"Transfer-Encoding: \"chunked\""}, "400 bad Transfer-Encoding"},
      {{"Transfer-Encoding: chunked x"}, "400 bad Transfer-Encoding"},
      {{"Transfer-Encoding:"}, "400 bad Transfer-Encoding"},
      {{"Transfer-Encoding: \x80"}, "400 bad Transfer-Encoding"},
      {{"Transfer-Encoding: gzip"}, "400 last transfer coding is not chunked"},
      {{"Transfer-Encoding: gzip, chunked"}, "501 transfer coding other than chunked"},
      {{"Transfer-Encoding: a;b=c, chunked"}, "501 transfer coding other than chunked"},
      {{"Transfer-Encoding: xchunked"}, "400 last transfer coding is not chunked"},
      {{"Transfer-Encoding: identity"}, "400 last transfer coding is not chunked"},
      {{"Transfer-Encoding : chunked"}, "400 blank before the colon of a field"},
      {{"Transfer-Encoding: \x0b"
        "chunked"},
       "400 bad byte in a field value"},
      {{"Transfer-Encoding:\r\n chunked"}, "400 line begins with a blank (obs-fold)"},
  };
  for (const auto& [fields, expected] : cases) {
    std::vector<std::string> lines = {"POST / HTTP/1.1", "Host: a"};
    lines.insert(lines.end(), fields.begin(), fields.end());
    const std::string got = verdict_of_lines(lines);
    if (expected.empty()) {
      EXPECT_TRUE(got.starts_with("complete")) << lines.back() << ": " << got;
    } else {
      EXPECT_EQ(got, expected) << lines.back();
    }
  }
}

TEST(Request, SaysHowTheBodyIsFramed) {
  EXPECT_EQ(parse_fields("")->head.body, BodyKind::None);
  const auto length = parse_fields("Content-Length: 0042\r\n");
  EXPECT_EQ(length->head.body, BodyKind::Length);
  EXPECT_EQ(length->head.content_length, 42U);
  EXPECT_EQ(parse_fields("Transfer-Encoding: Chunked\r\n")->head.body, BodyKind::Chunked);
}

TEST(Request, RefusesTransferEncodingInHttp10) {
  EXPECT_EQ(verdict_of_lines({"POST / HTTP/1.0", "Transfer-Encoding: chunked"}),
            "400 Transfer-Encoding in HTTP/1.0");
}

TEST(Request, DecidesWhetherTheConnectionIsKept) {
  const struct {
    std::string version;
    std::string fields;
    bool kept;
  } cases[] = {
      {"1.1", "", true},
      {"1.1", "Connection: keep-alive\r\n", true},
      {"1.1", "Connection: close\r\n", false},
      {"1.1", "connection: CLOSE\r\n", false},
      {"1.1", "Connection: a, close ,b\r\n", false},
      {"1.1", "Connection: a,\r\nConnection:,close\r\n", false},
      {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
      {"1.1", "Connection: closed, not-close, close-\r\n", true},
      {"1.1", "Connection:\r\n", true},
      {"1.9", "", true},
      {"1.0", "", false},
      {"1.0", "Connection: Keep-Alive\r\n", true},
      {"1.0", "Connection: x, keep-alive\r\n", true},
      {"1.0", "Connection: keep-alive, close\r\n", false},
  };
  for (const auto& row : cases) {
    const auto parsed =
        parse("GET / HTTP/" + row.version + "\r\nHost: a\r\n" + row.fields + "\r\n");
    ASSERT_EQ(parsed->result.state, ParseState::Complete) << row.fields;
    EXPECT_EQ(parsed->head.keep_alive, row.kept) << row.version << " " << row.fields;
  }
}

TEST(Request, LeavesNoDoubtBehindConnect) {
  const std::string connect = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n";
  EXPECT_FALSE(parse(connect + "Connection: keep-alive\r\n\r\n")->head.keep_alive);
  EXPECT_EQ(verdict(connect + "Content-Length: 0\r\n\r\n"), "400 CONNECT with content");
  EXPECT_EQ(verdict(connect + "Transfer-Encoding: chunked\r\n\r\n"), "400 CONNECT with content");
}

TEST(Request, ServesHigherMinorVersionsAsHttp11) {
  EXPECT_EQ(parse("GET / HTTP/1.0\r\n\r\n")->head.minor_version, 0);
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n")->head.minor_version, 1);
  EXPECT_EQ(parse("GET / HTTP/1.7\r\nHost: a\r\n\r\n")->head.minor_version, 1);
}

TEST(Request, UpgradesOnlyWhenBothFieldsSaySo) {
  EXPECT_TRUE(parse_fields("Upgrade: websocket\r\nConnection: x, Upgrade\r\n")->head.upgrade);
  EXPECT_FALSE(parse_fields("Upgrade: websocket\r\n")->head.upgrade);
  EXPECT_FALSE(parse_fields("Connection: Upgrade\r\n")->head.upgrade);
  const auto old = parse("GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
  EXPECT_FALSE(old->head.upgrade);
}

TEST(Request, JudgesExpectations) {
  const std::string length = "Content-Length: 1\r\n";
  EXPECT_TRUE(parse_fields(length + "Expect: 100-continue\r\n")->head.expect_continue);
  EXPECT_TRUE(parse_fields(length + "expect: 100-Continue\r\n")->head.expect_continue);
  EXPECT_TRUE(
      parse_fields(length + "Expect: ,100-continue , 100-CONTINUE\r\n")->head.expect_continue);
  EXPECT_FALSE(parse_fields(length + "Expect:\r\n")->head.expect_continue);
  EXPECT_FALSE(parse_fields("Expect: 100-continue\r\n")->head.expect_continue);
  for (const std::string other :
       {"200-ok", "100-continue, x", "100-continue;q=1", "100-continue=1"}) {
    EXPECT_EQ(parse_fields("Expect: " + other + "\r\n")->result.status, 417) << other;
  }
  const auto old = parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\n" + length + "\r\n");
  ASSERT_EQ(old->result.state, ParseState::Complete);
  EXPECT_FALSE(old->head.expect_continue);
}

TEST(Request, RefusesATargetOverTheLimitAsSoonAsItIsSeen) {
  const HeadLimits limits{.max_bytes = 1000, .max_target_bytes = 10};
  EXPECT_TRUE(
      verdict("GET /123456789 HTTP/1.1\r\nHost: a\r\n\r\n", limits).starts_with("complete"));
  EXPECT_EQ(verdict("GET /1234567890", limits), "414 request target too long");
  EXPECT_EQ(verdict("GET /1234567890\x01", limits), "414 request target too long");
}

TEST(Request, RefusesAHeadOverTheLimitAsSoonAsItIsSeen) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_TRUE(verdict(head, {.max_bytes = head.size()}).starts_with("complete"));
  EXPECT_TRUE(verdict(head + "body", {.max_bytes = head.size()}).starts_with("complete"));
  EXPECT_EQ(verdict(head, {.max_bytes = head.size() - 1}), "431 fields too long");
  EXPECT_EQ(verdict(head.substr(0, 20), {.max_bytes = 20}), "431 fields too long");
  EXPECT_EQ(verdict(head.substr(0, 19), {.max_bytes = 20}), "incomplete");
  EXPECT_EQ(verdict(head.substr(0, 10), {.max_bytes = 10}), "414 request line too long");
}

TEST(Request, CountsFieldsUpToTheLimit) {
  for (const size_t limit : {size_t{1}, size_t{5}, size_t{1000}}) {
    const size_t most = std::min(limit, RequestHead::kMaxFields);
    std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (size_t i = 1; i < most; ++i) head += "A: b\r\n";
    const HeadLimits limits{.max_fields = limit};
    EXPECT_TRUE(verdict(head + "\r\n", limits).starts_with("complete")) << limit;
    EXPECT_EQ(verdict(head + "A: b\r\n\r\n", limits), "431 too many fields") << limit;
  }
}

TEST(Request, ReadsPipelinedHeadsOneAfterTheOther) {
  const std::string bytes = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
  RequestHead head;
  size_t scanned = 0;
  const ParseResult first = parse_request_head(bytes, {}, head, scanned);
  ASSERT_EQ(first.state, ParseState::Complete);
  EXPECT_EQ(head.path, "/1");
  EXPECT_EQ(scanned, 0U);
  const auto rest = std::string_view(bytes).substr(first.consumed);
  ASSERT_EQ(parse_request_head(rest, {}, head, scanned).state, ParseState::Complete);
  EXPECT_EQ(head.path, "/2");
  EXPECT_EQ(head.field_count, 1U);
}

TEST(Request, LooksAgainOnlyAtTheUnfinishedLine) {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\nAccept: b";
  RequestHead head;
  size_t scanned = 0;
  ASSERT_EQ(parse_request_head(bytes, {}, head, scanned).state, ParseState::Incomplete);
  EXPECT_EQ(scanned, bytes.find("Accept"));
  const std::string more = bytes + "\r\nC: d";
  ASSERT_EQ(parse_request_head(more, {}, head, scanned).state, ParseState::Incomplete);
  EXPECT_EQ(scanned, more.find("C: d"));
  const std::string whole = more + "\r\n\r\n";
  ASSERT_EQ(parse_request_head(whole, {}, head, scanned).state, ParseState::Complete);
  EXPECT_EQ(head.field("accept"), "b");
}

TEST(Request, ForgetsTheFormerHead) {
  const std::string bytes =
      "POST http://b/x?y HTTP/1.0\r\nConnection: close\r\nContent-Length: 7\r\n\r\n";
  RequestHead head;
  size_t scanned = 0;
  ASSERT_EQ(parse_request_head(bytes, {}, head, scanned).state, ParseState::Complete);
  const std::string next = "GET / HTTP/1.1\r\nHost:\r\n\r\n";
  const ParseResult result = parse_request_head(next, {}, head, scanned);
  EXPECT_EQ(describe(result, head), verdict(next));
}

const std::vector<std::string>& heads_for_splitting() {
  static const std::vector<std::string> heads = {
      "GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
      "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\nrest",
      "POST http://a.b:1/c?d HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
      "\r\nhello",
      "PUT /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nCookie: 0123456789\tabcdefghijklmnop\r\nB:\r\n\r\n",
      // Refused, each at another place.
      "\r\n\r\nGET / HTTP/1.1\r\n",
      "\rX",
      "\nGET / HTTP/1.1\r\n\r\n",
      "\x16\x03\x01",
      "GET\r\n\r\n",
      "GET /\r\n\r\n",
      "GET /a#b HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\rHost: a\r\n\r\n",
      "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
      "GET / HTTX/1.1\r\nHost: a\r\n\r\n",
      "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\n\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\rX",
      "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n d\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nB: c\0d\r\n\r\n"s,
      "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nAccept: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
      "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n",
      "GET /0123456789012345678901234567890123456789 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nLong: " + std::string(200, 'l') + "\r\n\r\n",
      std::string(300, 'M'),
      "GET / HTTP/1.1\r\n" + std::string(300, 'n'),
  };
  return heads;
}

// Small, so that the heads above meet every one of them.
constexpr HeadLimits kSplitLimits{.max_bytes = 160, .max_target_bytes = 32, .max_fields = 6};

TEST(RequestSplit, GivesTheSameVerdictByteByByteAsInOnePiece) {
  for (const std::string& bytes : heads_for_splitting()) {
    const std::string whole = verdict(bytes, kSplitLimits);
    ASSERT_NE(whole, "incomplete") << bytes;
    size_t scanned = 0;
    std::string got = "incomplete";
    for (size_t size = 0; size <= bytes.size() && got == "incomplete"; ++size) {
      got = parse_copy(std::string_view(bytes).substr(0, size), kSplitLimits, scanned);
    }
    EXPECT_EQ(got, whole) << bytes;
  }
}

TEST(RequestSplit, GivesTheSameVerdictInEveryTwoPieces) {
  for (const std::string& bytes : heads_for_splitting()) {
    const std::string whole = verdict(bytes, kSplitLimits);
    for (size_t size = 0; size <= bytes.size(); ++size) {
      size_t scanned = 0;
      const std::string first =
          parse_copy(std::string_view(bytes).substr(0, size), kSplitLimits, scanned);
      if (first != "incomplete") {
        EXPECT_EQ(first, whole) << bytes << " at " << size;
      } else {
        EXPECT_EQ(parse_copy(bytes, kSplitLimits, scanned), whole) << bytes << " at " << size;
      }
    }
  }
}

TEST(RequestSplit, NeverCompletesOnAPrefixOfAGoodHead) {
  const std::string head = "GET /a?b HTTP/1.1\r\nHost: a\r\nB: c\r\nContent-Length: 3\r\n\r\n";
  for (size_t size = 0; size < head.size(); ++size) {
    EXPECT_EQ(verdict(head.substr(0, size)), "incomplete") << size;
  }
}

// A head remembers the last valid Host; that must not make another one valid.
TEST(Request, JudgesEveryHostWhateverCameBefore) {
  RequestHead head;
  const auto parse = [&head](const std::string& host) {
    size_t scanned = 0;
    return parse_request_head("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", {}, head, scanned)
        .state;
  };
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(parse("example.org:80"), ParseState::Complete);
    EXPECT_EQ(parse("example.org:80"), ParseState::Complete);
    EXPECT_EQ(parse("example.org:8a"), ParseState::Refused);
    EXPECT_EQ(parse("user@example.org"), ParseState::Refused);
    EXPECT_EQ(parse(std::string(100, 'a')), ParseState::Complete);  // longer than is remembered
    EXPECT_EQ(parse(std::string(100, 'a') + "@"), ParseState::Refused);
    EXPECT_EQ(parse(""), ParseState::Complete);
  }
}

}  // namespace
}  // namespace sockherd::http
