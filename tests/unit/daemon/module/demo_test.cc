#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/worker/harness.h"

namespace sockherd::worker {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Demo, SaysWhoAnswers) {
  Harness harness;
  const std::string answer = harness.get("/whoami");
  EXPECT_THAT(answer, EndsWith("{\"pool\":\"web\",\"slot\":3,\"generation\":7,\"pid\":4242}\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Connection: close")));
  EXPECT_THAT(harness.get("/whoami?close=1"), HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(harness.get("/whoami?a&close=0"), Not(HasSubstr("Connection: close")));
}

TEST(Demo, QuotesWhatIsNotPlain) {
  Harness harness;
  harness.add_demo("/q", Identity{"a\"b\\\n", 0, 0, 0});
  EXPECT_THAT(harness.get("/q/whoami"), HasSubstr("{\"pool\":\"a\\\"b\\\\\\u000a\","));
}

TEST(Demo, ServesItsPageWithoutForeignResources) {
  Harness harness;
  const std::string answer = harness.get("/");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("default-src 'none'"));
  EXPECT_THAT(answer, Not(HasSubstr("src=")));
  EXPECT_THAT(answer, Not(HasSubstr("://")));
  EXPECT_THAT(answer, EndsWith("</html>\n"));
}

TEST(Demo, ComputesWithinBounds) {
  Harness harness;
  EXPECT_THAT(harness.get("/cpu?n=20"), EndsWith("fibonacci(20) = 6765\n"));
  EXPECT_THAT(harness.get("/cpu"), EndsWith("fibonacci(27) = 196418\n"));
  for (const char* path : {"/cpu?n=33", "/cpu?n=-1", "/cpu?n=", "/cpu?n=x"}) {
    EXPECT_THAT(harness.get(path), StartsWith("HTTP/1.1 400 ")) << path;
  }
}

TEST(Demo, WaitsAsLongAsAsked) {
  Harness harness;
  Client client = harness.connect();
  EXPECT_EQ(harness.exchange(client, "GET /io?ms=4000 HTTP/1.1\r\nHost: h\r\n\r\n"), "");
  harness.advance(std::chrono::milliseconds(3900));
  EXPECT_EQ(client.read(), "");
  harness.advance(std::chrono::milliseconds(4100));
  EXPECT_THAT(client.read(), EndsWith("Waited 4000 ms, and held nobody up.\n"));
  for (const char* path : {"/io?ms=10001", "/io?ms=-1", "/io?ms=", "/io?ms=x"}) {
    EXPECT_THAT(harness.get(path), StartsWith("HTTP/1.1 400 ")) << path;
  }
}

TEST(Demo, AnswersItsOtherEndpoints) {
  Harness harness;
  EXPECT_THAT(harness.get("/time"), HasSubstr("\r\n\r\nHello world! The time is "));
  EXPECT_THAT(harness.get("/10k"), HasSubstr("\r\nContent-Length: 10240\r\n"));
  EXPECT_THAT(harness.get("/nothing"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(harness.get("/echo"), HasSubstr("\r\nAllow: POST, OPTIONS\r\n"));
  EXPECT_THAT(harness.get("/echo"), StartsWith("HTTP/1.1 405 "));
}

TEST(Demo, WorksBelowAnyPrefix) {
  Harness harness;
  harness.add_demo("/demo/", Identity{});
  EXPECT_THAT(harness.get("/demo/plaintext"), EndsWith("Hello, World!"));
  EXPECT_THAT(harness.get("/demo/"), EndsWith("</html>\n"));
}

}  // namespace
}  // namespace sockherd::worker
