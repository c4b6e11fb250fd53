// What the configuration adds to answers, and redirects.
#include "daemon/worker/extras.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/worker/files.h"
#include "daemon/worker/redirect.h"
#include "tests/unit/daemon/worker/harness.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::worker {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Table = std::vector<config::NamedText>;

class ExtrasTest : public ::testing::Test {
 protected:
  ExtrasTest() {
    root_.write("404.html", "<p>lost");
    root_.write("4xx.txt", "all others");
    root_.write("www/a.txt", "text");
    root_.write("www/index.html", "<p>app");
    pool_ =
        std::make_unique<Extras>(read({{"X-Pool", "p"}, {"X-Both", "p"}}, {{"4xx", "4xx.txt"}}));
    auto of_route = std::make_unique<Extras>(read(
        {{"x-both", "r"}, {"X-Content-Type-Options", "none"}}, {{"404", "404.html"}}, pool_.get()));
    harness_.router().add("/files/", files("/files/", ""), std::move(of_route));
    harness_.router().add("/app/", files("/app/", "/index.html"));
    harness_.router().add("/old/",
                          std::make_unique<Redirect>("/old/", "https://h.example/new/", 301));
    harness_.router().add("/here", std::make_unique<Redirect>("/here", "/there", 308));
    harness_.router().set_extras(std::move(pool_));
  }
  Extras read(const Table& headers, Table pages, const Extras* below = nullptr) {
    for (config::NamedText& page : pages) page.value = root_.path(page.value);
    return std::move(Extras::read(headers, pages, below)).value();
  }
  std::unique_ptr<Files> files(std::string_view prefix, std::string fallback) {
    Site site(std::move(Directory::open(root_.path("www"))).value(), {});
    auto cache = std::make_shared<FileCache>(FileCache::Settings{});
    return std::make_unique<Files>(prefix, std::move(site), cache, nullptr, std::move(fallback));
  }
  std::string ask(std::string_view method, std::string_view path) {
    Client client = harness_.connect();
    return harness_.exchange(
        client, std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n");
  }

  TemporaryDirectory root_;
  std::unique_ptr<Extras> pool_;
  Harness harness_;
};

TEST_F(ExtrasTest, AddsFieldsAndReplacesThoseOfTheSameName) {
  const std::string answer = ask("GET", "/files/a.txt");
  EXPECT_THAT(answer, HasSubstr("\r\nX-Pool: p\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nx-both: r\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("X-Both: p")));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Content-Type-Options: none\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("nosniff")));
  EXPECT_THAT(answer, EndsWith("\r\n\r\ntext"));
}

TEST_F(ExtrasTest, SendsThePageOfAnError) {
  const std::string lost = ask("GET", "/files/none");
  EXPECT_THAT(lost, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(lost,
              HasSubstr("\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 7\r\n"));
  EXPECT_THAT(lost, HasSubstr("\r\nx-both: r\r\n"));
  EXPECT_THAT(lost, EndsWith("\r\n\r\n<p>lost"));
  const std::string head = ask("HEAD", "/files/none");
  EXPECT_THAT(head, HasSubstr("\r\nContent-Length: 7\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
  const std::string post = ask("POST", "/files/a.txt");
  EXPECT_THAT(post, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(post, HasSubstr("\r\nAllow: GET, HEAD, OPTIONS\r\n"));
  EXPECT_THAT(post, EndsWith("\r\n\r\nall others"));
}

TEST_F(ExtrasTest, HasThoseOfThePoolForWhatIsNoRequestOfARoute) {
  const std::string refused = ask("GET", "/ HTTP/1.1\r\nBad field : x");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(refused, HasSubstr("\r\nX-Both: p\r\n"));
  EXPECT_THAT(refused, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(refused, EndsWith("\r\n\r\nall others"));
  Client client = harness_.connect();
  const std::string two = harness_.exchange(
      client, "GET /files/a.txt HTTP/1.1\r\nHost: h\r\n\r\nGET /%zz HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(occurrences(two, "x-both: r"), 1u);
  EXPECT_EQ(occurrences(two, "X-Both: p"), 1u);
}

TEST_F(ExtrasTest, NeverAddsToInterimAnswers) {
  Client client = harness_.connect();
  const std::string answer = harness_.exchange(
      client,
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(answer, "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_F(ExtrasTest, RefusesAPageThatIsNotThereOrTooLong) {
  const auto missing = Extras::read({}, {{"404", root_.path("none")}}, nullptr);
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().what, HasSubstr(root_.path("none")));
  root_.write("long", std::string(Extras::kMaxPageBytes + 1, 'x'));
  EXPECT_FALSE(Extras::read({}, {{"404", root_.path("long")}}, nullptr).ok());
}

TEST_F(ExtrasTest, RedirectsWithTheRestOfThePathAndTheQuery) {
  const std::string answer = ask("GET", "/old/a%20b/c?x=%26&y");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 301 "));
  EXPECT_THAT(answer, HasSubstr("\r\nLocation: https://h.example/new/a%20b/c?x=%26&y\r\n"));
  EXPECT_THAT(ask("GET", "/old"), HasSubstr("\r\nLocation: https://h.example/new/\r\n"));
  EXPECT_THAT(ask("POST", "/here//x"), HasSubstr("\r\nLocation: /there/x\r\n"));
  EXPECT_THAT(ask("GET", "/old/%0d%0aX:y"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(ExtrasTest, FallsBackToAFileButNotForWhatIsHidden) {
  const std::string page = ask("GET", "/app/some/page");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(page, EndsWith("\r\n\r\n<p>app"));
  EXPECT_THAT(ask("GET", "/app/a.txt"), EndsWith("\r\n\r\ntext"));
  EXPECT_THAT(ask("GET", "/app/.env"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask("GET", "/files/some/page"), StartsWith("HTTP/1.1 404 "));
}

}  // namespace
}  // namespace sockherd::worker
