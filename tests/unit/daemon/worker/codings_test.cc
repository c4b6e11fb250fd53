// Files in the coding that the client accepts: those beside them, and those that we make.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

#include <array>

#include "daemon/worker/files.h"
#include "daemon/worker/gzip.h"
#include "tests/unit/daemon/worker/harness.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::worker {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kBoth = "Accept-Encoding: gzip, deflate, br\r\n";
constexpr std::string_view kGzip = "Accept-Encoding: gzip\r\n";

std::string value_of(const std::string& answer, const std::string& name) {
  const size_t at = answer.find("\r\n" + name + ": ");
  if (at == std::string::npos || at > answer.find("\r\n\r\n")) return "";
  const size_t begin = at + name.size() + 4;
  return answer.substr(begin, answer.find("\r\n", begin) - begin);
}

std::string content_of(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

std::string without_chunks(std::string_view text) {
  std::string content;
  for (;;) {
    const size_t size = std::stoul(std::string(text.substr(0, text.find("\r\n"))), nullptr, 16);
    text.remove_prefix(text.find("\r\n") + 2);
    if (size == 0) return content;
    content += text.substr(0, size);
    text.remove_prefix(size + 2);
  }
}

std::string gunzip(const std::string& compressed) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
  std::string input = compressed;
  std::string text(10'000'000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

class CodingsTest : public ::testing::Test {
 protected:
  CodingsTest() {
    for (size_t i = 0; long_.size() < 1'000'000; ++i) long_ += "line " + std::to_string(i) + '\n';
    root_.write("long.txt", long_);
    root_.write("short.txt", std::string(2000, 'x'));
    root_.write("a.js", "original");
    root_.write("a.js.gz", "gzipped");
    root_.write("a.js.br", "brotli");
    root_.write("a.png", "picture");
    root_.write("a.png.gz", "never");
    const auto cache =
        std::make_shared<FileCache>(FileCache::Settings{.settle = -std::chrono::hours(1)});
    add("/plain", {.precompressed = false}, cache, nullptr);
    add("/beside", {}, cache, nullptr);
    add("/made", {}, cache, gzip_);
  }
  void add(const std::string& path, Site::Settings settings,
           const std::shared_ptr<FileCache>& cache, const std::shared_ptr<Gzip>& gzip) {
    Site site(std::move(Directory::open(root_.path())).value(), std::move(settings));
    harness_.router().add(path, std::make_unique<Files>(path, std::move(site), cache, gzip));
  }
  std::string get(std::string_view path, std::string_view fields) {
    return harness_.get(path, fields);
  }
  // An answer that is made over several turns.
  std::string get_long(std::string_view path, std::string_view fields) {
    Client client = harness_.connect();
    client.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(fields) +
                "\r\n");
    std::string answer;
    for (int i = 1; i < 5000 && !answer.ends_with("\r\n0\r\n\r\n"); ++i) {
      harness_.advance(std::chrono::milliseconds(i));
      answer += client.read();
    }
    return answer;
  }

  TemporaryDirectory root_;
  std::string long_;
  std::shared_ptr<Gzip> gzip_ = std::make_shared<Gzip>();
  Harness harness_;
};

TEST_F(CodingsTest, SendsTheFileBesideItThatTheClientAccepts) {
  const std::string brotli = get("/beside/a.js", kBoth);
  EXPECT_EQ(content_of(brotli), "brotli");
  EXPECT_EQ(value_of(brotli, "Content-Encoding"), "br");
  EXPECT_EQ(value_of(brotli, "Content-Length"), "6");
  EXPECT_THAT(value_of(brotli, "Content-Type"), StartsWith("text/javascript"));
  EXPECT_EQ(value_of(brotli, "Vary"), "Accept-Encoding");
  const std::string gzip = get("/beside/a.js", kGzip);
  EXPECT_EQ(content_of(gzip), "gzipped");
  EXPECT_EQ(value_of(gzip, "Content-Encoding"), "gzip");
  const std::string identity = get("/beside/a.js", "");
  EXPECT_EQ(content_of(identity), "original");
  EXPECT_EQ(value_of(identity, "Content-Encoding"), "");
  EXPECT_EQ(value_of(identity, "Vary"), "Accept-Encoding");
  EXPECT_NE(value_of(brotli, "ETag"), value_of(gzip, "ETag"));
  EXPECT_NE(value_of(brotli, "ETag"), value_of(identity, "ETag"));
  EXPECT_EQ(content_of(get("/beside/a.js", "Accept-Encoding: br;q=0, gzip;q=0\r\n")), "original");
}

TEST_F(CodingsTest, LeavesAloneWhatIsNotNegotiated) {
  EXPECT_EQ(content_of(get("/plain/a.js", kBoth)), "original");
  EXPECT_EQ(value_of(get("/plain/a.js", kBoth), "Vary"), "");
  EXPECT_EQ(content_of(get("/beside/a.png", kBoth)), "picture");
  EXPECT_EQ(value_of(get("/beside/long.txt", kBoth), "Vary"), "");
  EXPECT_EQ(value_of(get("/beside/a.js.gz", kBoth), "Content-Encoding"), "");
}

TEST_F(CodingsTest, DoesNotSendAFileBesideItThatIsOlder) {
  const std::array old = {timespec{.tv_sec = 1'000'000}, timespec{.tv_sec = 1'000'000}};
  ASSERT_EQ(::utimensat(AT_FDCWD, root_.path("a.js.br").c_str(), old.data(), 0), 0);
  EXPECT_EQ(content_of(get("/beside/a.js", kBoth)), "gzipped");
}

TEST_F(CodingsTest, AnswersConditionsForTheCodingThatIsSent) {
  const std::string brotli = value_of(get("/beside/a.js", kBoth), "ETag");
  const std::string same =
      get("/beside/a.js", std::string(kBoth) + "If-None-Match: " + brotli + "\r\n");
  EXPECT_THAT(same, StartsWith("HTTP/1.1 304 "));
  EXPECT_EQ(value_of(same, "ETag"), brotli);
  EXPECT_EQ(value_of(same, "Vary"), "Accept-Encoding");
  EXPECT_THAT(same, EndsWith("\r\n\r\n"));
  EXPECT_THAT(get("/beside/a.js", "If-None-Match: " + brotli + "\r\n"),
              StartsWith("HTTP/1.1 200 "));
  const std::string part = get("/beside/a.js", std::string(kBoth) + "Range: bytes=0-1\r\n");
  EXPECT_THAT(part, StartsWith("HTTP/1.1 206 "));
  EXPECT_EQ(value_of(part, "Content-Range"), "bytes 0-1/6");
  EXPECT_EQ(value_of(part, "Content-Encoding"), "br");
}

TEST_F(CodingsTest, CompressesAShortFileOnce) {
  const std::string answer = get("/made/short.txt", kGzip);
  EXPECT_EQ(value_of(answer, "Content-Encoding"), "gzip");
  EXPECT_EQ(value_of(answer, "Vary"), "Accept-Encoding");
  EXPECT_THAT(value_of(answer, "ETag"), StartsWith("W/\""));
  EXPECT_EQ(std::stoul(value_of(answer, "Content-Length")), content_of(answer).size());
  EXPECT_EQ(gunzip(content_of(answer)), std::string(2000, 'x'));
  EXPECT_EQ(get("/made/short.txt", kGzip), answer);
  const std::string identity = get("/made/short.txt", "");
  EXPECT_EQ(content_of(identity), std::string(2000, 'x'));
  EXPECT_EQ(value_of(identity, "Vary"), "Accept-Encoding");
  const std::string tag = value_of(answer, "ETag");
  EXPECT_THAT(get("/made/short.txt", std::string(kGzip) + "If-None-Match: " + tag + "\r\n"),
              StartsWith("HTTP/1.1 304 "));
}

TEST_F(CodingsTest, CompressesALongFileWhileItIsSent) {
  const std::string answer = get_long("/made/long.txt", kGzip);
  EXPECT_EQ(value_of(answer, "Transfer-Encoding"), "chunked");
  EXPECT_EQ(value_of(answer, "Content-Encoding"), "gzip");
  EXPECT_EQ(gunzip(without_chunks(content_of(answer))), long_);
  EXPECT_EQ(gzip_->under_way(), 0u);
}

TEST_F(CodingsTest, CompressesOnePieceATurnAndServesOthersMeanwhile) {
  Client slow = harness_.connect();
  slow.send("GET /made/long.txt HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n");
  harness_.run();
  EXPECT_EQ(gzip_->under_way(), 1u);
  EXPECT_THAT(slow.read(), Not(EndsWith("\r\n0\r\n\r\n")));
  EXPECT_EQ(content_of(get("/beside/a.js", "")), "original");
  slow.close();
  harness_.run();
  EXPECT_EQ(gzip_->under_way(), 0u);
}

TEST_F(CodingsTest, SendsAsItIsWhereTooManyAreCompressedAlready) {
  // More than a socket takes, also compressed, so that none comes to its end.
  std::string noise;
  uint32_t state = 1;
  while (noise.size() < 3'000'000) noise += static_cast<char>((state = state * 48271U) >> 24U);
  root_.write("noise.txt", noise);
  std::vector<Client> clients;
  for (size_t i = 0; i < Gzip::kMost; ++i) {
    clients.push_back(harness_.connect());
    clients.back().send("GET /made/noise.txt HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n");
    harness_.run();
  }
  EXPECT_EQ(gzip_->under_way(), Gzip::kMost);
  const std::string answer = get("/made/long.txt", kGzip);
  EXPECT_EQ(value_of(answer, "Content-Encoding"), "");
  EXPECT_EQ(value_of(answer, "Content-Length"), std::to_string(long_.size()));
  EXPECT_EQ(value_of(answer, "Vary"), "Accept-Encoding");
}

TEST_F(CodingsTest, CompressesNothingThatIsShortOrAPartOrNotAskedFor) {
  EXPECT_EQ(content_of(get("/made/a.js", kGzip)), "gzipped");
  root_.write("tiny.txt", "tiny");
  EXPECT_EQ(content_of(get("/made/tiny.txt", kGzip)), "tiny");
  const std::string part = get("/made/short.txt", std::string(kGzip) + "Range: bytes=0-1\r\n");
  EXPECT_THAT(part, StartsWith("HTTP/1.1 206 "));
  EXPECT_THAT(part, EndsWith("\r\n\r\nxx"));
  EXPECT_EQ(value_of(get("/made/short.txt", ""), "Content-Encoding"), "");
}

TEST_F(CodingsTest, AnswersHeadAsGetWithoutContent) {
  Client client = harness_.connect();
  const std::string head = harness_.exchange(
      client, "HEAD /made/long.txt HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n");
  EXPECT_EQ(value_of(head, "Content-Encoding"), "gzip");
  EXPECT_EQ(value_of(head, "Transfer-Encoding"), "chunked");
  EXPECT_EQ(value_of(head, "Content-Length"), "");
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
  EXPECT_EQ(gzip_->under_way(), 0u);
  const std::string beside = harness_.exchange(
      client, "HEAD /beside/a.js HTTP/1.1\r\nHost: h\r\nAccept-Encoding: br\r\n\r\n");
  EXPECT_EQ(value_of(beside, "Content-Length"), "6");
  EXPECT_EQ(value_of(beside, "Content-Encoding"), "br");
}

TEST_F(CodingsTest, SendsSeveralRanges) {
  for (const char* path : {"/plain/long.txt", "/plain/short.txt"}) {
    const std::string whole = content_of(get_long(path, "Connection: close\r\n"));
    const std::string answer = get(path, "Range: bytes=5-9, 100-1099, -3\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 206 ")) << path;
    const std::string type = value_of(answer, "Content-Type");
    EXPECT_THAT(type, StartsWith("multipart/byteranges; boundary="));
    const std::string boundary = type.substr(type.find('=') + 1);
    EXPECT_EQ(value_of(answer, "Content-Range"), "");
    EXPECT_EQ(std::stoul(value_of(answer, "Content-Length")), content_of(answer).size());
    EXPECT_EQ(occurrences(answer, "\r\n--" + boundary), 4u);
    EXPECT_THAT(answer, HasSubstr("Content-Range: bytes 5-9/"));
    EXPECT_THAT(answer, EndsWith("--" + boundary + "--\r\n"));
    EXPECT_THAT(answer, HasSubstr("\r\n\r\n" + whole.substr(100, 1000) + "\r\n--"));
  }
}

}  // namespace
}  // namespace sockherd::worker
