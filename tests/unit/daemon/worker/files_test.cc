#include "daemon/worker/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "tests/unit/daemon/worker/harness.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::worker {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() {
    root_.write("index.html", "<p>home");
    root_.write("digits.txt", "0123456789");
    root_.write("a b/index.html", "<p>below");
    root_.write(".secret", "secret");
    root_.write(".git/config", "secret");
    root_.write(".well-known/acme-challenge/x", "token");
    root_.write("empty", "");
    Site site(std::move(Directory::open(root_.path())).value(), {});
    auto cache = std::make_shared<FileCache>(FileCache::Settings{});
    harness_.router().add("/files/", std::make_unique<Files>("/files/", std::move(site), cache));
  }
  std::string get(std::string_view name, std::string_view fields = "") {
    return harness_.get("/files/" + std::string(name), fields);
  }
  static std::string value_of(const std::string& answer, const std::string& name) {
    const size_t at = answer.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const size_t begin = at + name.size() + 4;
    return answer.substr(begin, answer.find("\r\n", begin) - begin);
  }

  TemporaryDirectory root_;
  Harness harness_;
};

TEST_F(FilesTest, ServesAFileWithItsTypeAndValidators) {
  const std::string answer = get("digits.txt");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n0123456789"));
  EXPECT_THAT(value_of(answer, "Content-Type"), StartsWith("text/plain"));
  EXPECT_EQ(value_of(answer, "Content-Length"), "10");
  EXPECT_EQ(value_of(answer, "Accept-Ranges"), "bytes");
  EXPECT_EQ(value_of(answer, "X-Content-Type-Options"), "nosniff");
  EXPECT_THAT(value_of(answer, "ETag"), StartsWith("\""));
  EXPECT_THAT(value_of(answer, "Last-Modified"), EndsWith(" GMT"));
  EXPECT_THAT(get("empty"), HasSubstr("\r\nContent-Length: 0\r\n"));
}

TEST_F(FilesTest, ServesADirectoryByItsIndex) {
  EXPECT_THAT(get(""), EndsWith("<p>home"));
  EXPECT_THAT(value_of(get(""), "Content-Type"), StartsWith("text/html"));
  EXPECT_THAT(get("a%20b/"), EndsWith("<p>below"));
  EXPECT_THAT(get(".well-known/"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(FilesTest, RedirectsADirectoryToItsSlash) {
  const std::string answer = get("a%20b?x=1&y");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 301 "));
  EXPECT_EQ(value_of(answer, "Location"), "/files/a%20b/?x=1&y");
  EXPECT_EQ(value_of(harness_.get("/files"), "Location"), "/files/");
  // Never to another host, whatever the path looks like.
  EXPECT_EQ(value_of(harness_.get("//files"), "Location"), "/files/");
}

TEST_F(FilesTest, HidesWhatBeginsWithADot) {
  for (const char* name : {".secret", ".git/config", "%2esecret", "a%20b/.x", ".git/"}) {
    EXPECT_THAT(get(name), StartsWith("HTTP/1.1 404 ")) << name;
  }
  EXPECT_THAT(get(".well-known/acme-challenge/x"), EndsWith("token"));
}

TEST_F(FilesTest, DoesNotLeadOutsideAndDoesNotSayWhereItIs) {
  root_.link("/etc/passwd", "passwd");
  for (const char* name :
       {"passwd", "../x", "%2e%2e/%2e%2e/etc/passwd", "..%2fx", "a//b", "x%00y"}) {
    const std::string answer = get(name);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 4")) << name;
    EXPECT_THAT(answer, Not(HasSubstr(root_.path()))) << name;
    EXPECT_THAT(answer, Not(HasSubstr("root:"))) << name;
  }
}

TEST_F(FilesTest, KnowsNoNameWithASlash) {
  EXPECT_THAT(get("digits.txt"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(get("%2Fdigits.txt"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(harness_.get("/files%2Fdigits.txt"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(FilesTest, AnswersHeadWithoutContentAndOtherMethodsWith405) {
  Client client = harness_.connect();
  const std::string head =
      harness_.exchange(client, "HEAD /files/digits.txt HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("\r\nContent-Length: 10\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
  const std::string post =
      harness_.exchange(client, "POST /files/digits.txt HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(post, StartsWith("HTTP/1.1 405 "));
  EXPECT_EQ(value_of(post, "Allow"), "GET, HEAD, OPTIONS");
}

TEST_F(FilesTest, AnswersConditions) {
  const std::string first = get("digits.txt");
  const std::string tag = value_of(first, "ETag");
  const std::string same = get("digits.txt", "If-None-Match: " + tag + "\r\n");
  EXPECT_THAT(same, StartsWith("HTTP/1.1 304 "));
  EXPECT_EQ(value_of(same, "ETag"), tag);
  EXPECT_THAT(same, EndsWith("\r\n\r\n"));
  EXPECT_THAT(get("digits.txt", "If-None-Match: \"other\"\r\n"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(get("digits.txt", "If-Match: \"other\"\r\n"), StartsWith("HTTP/1.1 412 "));
  EXPECT_THAT(get("digits.txt", "If-Modified-Since: " + value_of(first, "Last-Modified") + "\r\n"),
              StartsWith("HTTP/1.1 304 "));
}

TEST_F(FilesTest, GivesAnotherTagToAnotherContent) {
  const std::string tag = value_of(get("digits.txt"), "ETag");
  const std::array times = {timespec{.tv_sec = 1'000'000, .tv_nsec = 0},
                            timespec{.tv_sec = 1'000'000, .tv_nsec = 1}};
  ASSERT_EQ(::utimensat(AT_FDCWD, root_.path("digits.txt").c_str(), times.data(), 0), 0);
  EXPECT_NE(value_of(get("digits.txt"), "ETag"), tag);
}

TEST_F(FilesTest, SaysNoModificationInTheFuture) {
  const std::array times = {timespec{.tv_sec = 4'000'000'000, .tv_nsec = 0},
                            timespec{.tv_sec = 4'000'000'000, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, root_.path("digits.txt").c_str(), times.data(), 0), 0);
  EXPECT_THAT(value_of(get("digits.txt"), "Last-Modified"), Not(HasSubstr("2096")));
}

TEST_F(FilesTest, ServesOneRange) {
  const std::string part = get("digits.txt", "Range: bytes=2-4\r\n");
  EXPECT_THAT(part, StartsWith("HTTP/1.1 206 "));
  EXPECT_EQ(value_of(part, "Content-Range"), "bytes 2-4/10");
  EXPECT_THAT(part, EndsWith("\r\n\r\n234"));
  EXPECT_THAT(get("digits.txt", "Range: bytes=-3\r\n"), EndsWith("\r\n\r\n789"));
  const std::string beyond = get("digits.txt", "Range: bytes=10-\r\n");
  EXPECT_THAT(beyond, StartsWith("HTTP/1.1 416 "));
  EXPECT_EQ(value_of(beyond, "Content-Range"), "bytes */10");
}

TEST_F(FilesTest, SendsALongFileWhole) {
  std::string content;
  for (size_t i = 0; content.size() < 3'000'000; ++i) content += std::to_string(i) + '\n';
  root_.write("long", content);
  Client client = harness_.connect();
  const std::string request = "GET /files/long HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(request + request);
  std::string answer;
  for (int i = 0; i < 2000 && answer.size() < 2 * content.size(); ++i) {
    harness_.run();
    answer += client.read();
  }
  EXPECT_EQ(occurrences(answer, "HTTP/1.1 200 OK"), 2u);
  EXPECT_THAT(answer, EndsWith(content));
  EXPECT_EQ(answer.compare(answer.find("\r\n\r\n") + 4, content.size(), content), 0);
}

TEST_F(FilesTest, ClosesWhenAFileShrinksWhileItIsSent) {
  root_.write("long", std::string(3'000'000, 'x'));
  Client client = harness_.connect();
  client.send("GET /files/long HTTP/1.1\r\nHost: h\r\n\r\n");
  harness_.run();
  ASSERT_EQ(::truncate(root_.path("long").c_str(), 1000), 0);
  for (int i = 0; i < 100; ++i) {
    client.read();
    harness_.run();
  }
  EXPECT_EQ(harness_.open_connections(), 0u);
}

}  // namespace
}  // namespace sockherd::worker
