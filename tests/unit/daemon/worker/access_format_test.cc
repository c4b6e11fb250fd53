#include "daemon/worker/access_format.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstdlib>
#include <ctime>
#include <vector>

namespace sockherd::worker {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// 2026-11-21 03:04:45.250 UTC, in the tests' zone.
constexpr Duration kBoot = seconds(1795230000);
constexpr Duration kBegan = seconds(285) + milliseconds(250);

class Zone {
 public:
  explicit Zone(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  ~Zone() {
    ::unsetenv("TZ");
    ::tzset();
  }
};

ClientAddress address_of(int family, const char* text) {
  sockaddr_storage address{};
  address.ss_family = static_cast<sa_family_t>(family);
  void* into = family == AF_INET
                   ? static_cast<void*>(&reinterpret_cast<sockaddr_in&>(address).sin_addr)
                   : static_cast<void*>(&reinterpret_cast<sockaddr_in6&>(address).sin6_addr);
  EXPECT_EQ(::inet_pton(family, text, into), 1);
  return ClientAddress::from(address);
}

AccessRecord sample() {
  AccessRecord record;
  record.facts = {.began = kBegan,
                  .took = microseconds(1234),
                  .content_bytes = 5120,
                  .status = 200,
                  .is_valid = true,
                  .is_complete = true,
                  .client = address_of(AF_INET, "192.0.2.17")};
  record.line = "GET /a?b=c HTTP/1.1";
  record.referer = "http://example.org/";
  record.user_agent = "curl/7.88.1";
  record.host = "example.com";
  return record;
}

std::string line_of(const AccessRecord& record, AccessStyle style = AccessStyle::Combined,
                    Colours colours = Colours::Off) {
  AccessFormat format(style, colours, "web", 3);
  std::vector<char> room(kMostLineBytes);
  const char* end = format.write(record, kBoot, room.data());
  return {room.data(), static_cast<size_t>(end - room.data())};
}

std::string combined(std::string_view text) {
  std::vector<char> room(text.size() * kMostEscaped + 1);
  return {room.data(), write_combined_text(text, room.data())};
}

std::string json(std::string_view text) {
  std::vector<char> room(text.size() * kMostEscaped + 1);
  return {room.data(), write_json_text(text, room.data())};
}

std::string text_of(const ClientAddress& client) {
  std::vector<char> room(64);
  return {room.data(), write_address(client, room.data())};
}

TEST(AccessFormat, WritesACombinedLine) {
  const Zone zone("UTC");
  EXPECT_EQ(line_of(sample()),
            "192.0.2.17 - - [21/Nov/2026:03:04:45 +0000] \"GET /a?b=c HTTP/1.1\" 200 5120 "
            "\"http://example.org/\" \"curl/7.88.1\"\n");
}

TEST(AccessFormat, WritesAJsonLine) {
  const Zone zone("UTC");
  EXPECT_EQ(line_of(sample(), AccessStyle::Json),
            "{\"time\":\"2026-11-21T03:04:45.250+00:00\",\"pool\":\"web\",\"slot\":3,"
            "\"client\":\"192.0.2.17\",\"method\":\"GET\",\"target\":\"/a?b=c\","
            "\"protocol\":\"HTTP/1.1\",\"host\":\"example.com\",\"status\":200,\"bytes\":5120,"
            "\"seconds\":0.001234,\"complete\":true,\"referer\":\"http://example.org/\","
            "\"user_agent\":\"curl/7.88.1\"}\n");
}

TEST(AccessFormat, KnowsTheZone) {
  const Zone zone("XST-5:30");
  EXPECT_NE(line_of(sample()).find("[21/Nov/2026:08:34:45 +0530]"), std::string::npos);
  EXPECT_NE(line_of(sample(), AccessStyle::Json).find("\"2026-11-21T08:34:45.250+05:30\""),
            std::string::npos);
}

TEST(AccessFormat, KnowsAZoneWestOfGreenwich) {
  const Zone zone("XST3:30");
  EXPECT_NE(line_of(sample()).find("[20/Nov/2026:23:34:45 -0330]"), std::string::npos);
}

TEST(AccessFormat, WritesADashForWhatIsNotThere) {
  const Zone zone("UTC");
  AccessRecord record;
  record.facts = {.began = kBegan, .status = 503};
  EXPECT_EQ(line_of(record), "- - - [21/Nov/2026:03:04:45 +0000] \"-\" 503 0 \"-\" \"-\"\n");
  record.facts.client.family = AF_UNIX;
  record.line = "not a request";
  EXPECT_EQ(line_of(record),
            "unix: - - [21/Nov/2026:03:04:45 +0000] \"not a request\" 503 0 \"-\" \"-\"\n");
  EXPECT_NE(line_of(record, AccessStyle::Json)
                .find("\"method\":\"\",\"target\":\"not a request\",\"protocol\":\"\""),
            std::string::npos);
}

TEST(AccessFormat, ColoursTheStatusByItsClass) {
  const std::pair<uint16_t, const char*> cases[] = {{200, "\x1b[32m200\x1b[0m"},
                                                    {304, "\x1b[36m304\x1b[0m"},
                                                    {404, "\x1b[33m404\x1b[0m"},
                                                    {503, "\x1b[31m503\x1b[0m"}};
  for (const auto& [status, wanted] : cases) {
    AccessRecord record = sample();
    record.facts.status = status;
    const std::string line = line_of(record, AccessStyle::Combined, Colours::On);
    EXPECT_NE(line.find(wanted), std::string::npos) << line;
    EXPECT_EQ(line_of(record, AccessStyle::Json, Colours::On).find('\x1b'), std::string::npos);
  }
}

TEST(AccessFormat, EscapesWhatIsNotPrintableSoThatNoLineCanBeForged) {
  EXPECT_EQ(combined("a\"b\\c\nd\re\tf"), "a\\x22b\\x5Cc\\x0Ad\\x0De\\x09f");
  EXPECT_EQ(combined(std::string_view("\0\x1b[2J\x7f\xc3\xa4", 8)), "\\x00\\x1B[2J\\x7F\\xC3\\xA4");
  EXPECT_EQ(combined(" ~!"), " ~!");
}

TEST(AccessFormat, WritesValidJsonWhateverComes) {
  EXPECT_EQ(json("a\"b\\c\nd\re\tf\x01"), R"(a\"b\\c\nd\re\tf\u0001)");
  EXPECT_EQ(json("\x7f"), R"(\u007f)");
  // UTF-8 stays.
  EXPECT_EQ(json("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  // C1 does not: a terminal would obey U+009B.
  EXPECT_EQ(json("\xc2\x9b"), R"(\u009b)");
  EXPECT_EQ(json("\xc2\xa0"), "\xc2\xa0");
}

TEST(AccessFormat, WritesBytesThatAreNoUtf8AsText) {
  const std::pair<std::string, std::string> cases[] = {
      {"\xff", R"(\\xFF)"},                    // never
      {"\x80", R"(\\x80)"},                    // begins nothing
      {"\xc3", R"(\\xC3)"},                    // goes on nowhere
      {"\xc3x", R"(\\xC3x)"},                  //
      {"\xc0\xaf", R"(\\xC0\\xAF)"},           // longer than it need be
      {"\xe0\x80\xaf", R"(\\xE0\\x80\\xAF)"},  //
      {"\xf0\x80\x80\xaf", R"(\\xF0\\x80\\x80\\xAF)"},
      {"\xed\xa0\x80", R"(\\xED\\xA0\\x80)"},           // a surrogate
      {"\xf4\x90\x80\x80", R"(\\xF4\\x90\\x80\\x80)"},  // above U+10FFFF
      {"\xe2\x82", R"(\\xE2\\x82)"},                    // cut
      {"\xf0\x9f\x98", R"(\\xF0\\x9F\\x98)"},           //
  };
  for (const auto& [bytes, wanted] : cases) EXPECT_EQ(json(bytes), wanted);
}

TEST(AccessFormat, NeverNeedsMoreRoomThanItSays) {
  AccessRecord record = sample();
  const std::string line(AccessLimits::kLine, '\x01');
  const std::string other(AccessLimits::kReferer, '\x01');
  const std::string host(AccessLimits::kHost, '\x01');
  record.line = line;
  record.referer = other;
  record.user_agent = other;
  record.host = host;
  record.facts.content_bytes = UINT64_MAX;
  record.facts.took = Duration::max();
  record.facts.client = address_of(AF_INET6, "1111:2222:3333:4444:5555:6666:7777:8888");
  const std::string pool(64, 'p');
  for (const AccessStyle style : {AccessStyle::Combined, AccessStyle::Json}) {
    AccessFormat format(style, Colours::On, pool, UINT32_MAX);
    std::vector<char> room(kMostLineBytes);
    EXPECT_LE(format.write(record, kBoot, room.data()), room.data() + room.size());
  }
}

TEST(AccessFormat, WritesAddresses) {
  EXPECT_EQ(text_of(address_of(AF_INET, "10.200.0.255")), "10.200.0.255");
  EXPECT_EQ(text_of(address_of(AF_INET6, "2001:db8::1")), "2001:db8::1");
  EXPECT_EQ(text_of(address_of(AF_INET6, "::ffff:192.0.2.1")), "192.0.2.1");
  EXPECT_EQ(text_of({}), "-");
}

}  // namespace
}  // namespace sockherd::worker
