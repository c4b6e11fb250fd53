// A loop's access log and the writer behind it, with the real thread.
#include "daemon/worker/access_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "daemon/worker/access_file.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::worker {
namespace {

using stats::Count;

constexpr std::string_view kRequest =
    "GET /a?b HTTP/1.1\r\nHost: example.com\r\nUser-Agent: test\r\nReferer: /r\r\n\r\n";

http::RequestHead parse(std::string_view bytes, const http::HeadLimits& limits = {}) {
  http::RequestHead head;
  size_t scanned = 0;
  EXPECT_EQ(http::parse_request_head(bytes, limits, head, scanned).state,
            http::ParseState::Complete);
  return head;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::istringstream text(read_file(path));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

// Everything but the worker. finish() writes what is there and ends the thread.
class Fixture {
 public:
  explicit Fixture(const std::string& where, size_t ring_bytes = 65536,
                   AccessStyle style = AccessStyle::Json)
      : page_(std::make_unique<stats::Page>()), loop_(std::move(io::Loop::create()).value()) {
    auto sink = AccessFile::open({.where = where, .style = style, .pool = "web"});
    EXPECT_TRUE(sink.ok());
    auto writer = AccessWriter::start(std::move(sink).value(), 1, ring_bytes, counters());
    EXPECT_TRUE(writer.ok());
    writer_ = std::move(writer).value();
    log_ = std::make_unique<AccessLog>(*writer_, 0, *loop_, counters());
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_ = UniqueFd(ends[0]);
    theirs_ = UniqueFd(ends[1]);
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  ~Fixture() { finish(); }

  AccessLog& log() { return *log_; }
  AccessBatchHandle begin() { return log_->begin(ours_.get()); }
  int fd() const { return ours_.get(); }
  Instant now() const { return loop_->now(); }
  stats::Counters& counters() { return page_->counters; }
  uint64_t count(Count what) const { return page_->counters.get(what); }

  // One request and its whole answer.
  void log_one(std::string_view request = kRequest) {
    const AccessBatchHandle batch = begin();
    batch->open(parse(request), now());
    batch->answered(200, 10, 30);
    batch->sent(30, true, now());
  }
  void finish() {
    log_.reset();
    writer_.reset();
  }

 private:
  std::unique_ptr<stats::Page> page_;
  std::unique_ptr<io::Loop> loop_;
  AccessWriterHandle writer_;
  std::unique_ptr<AccessLog> log_;
  UniqueFd ours_;
  UniqueFd theirs_;
};

bool has(const std::string& line, std::string_view part) {
  return line.find(part) != std::string::npos;
}

TEST(AccessLog, WritesWhatHasLeft) {
  const TemporaryDirectory directory;
  Fixture fixture(directory.path("log"));
  fixture.log_one();
  fixture.finish();
  const auto lines = lines_of(directory.path("log"));
  ASSERT_EQ(lines.size(), 1u);
  for (const char* part : {R"("client":"unix:")", R"("method":"GET")", R"("target":"/a?b")",
                           R"("host":"example.com")", R"("status":200)", R"("bytes":20)",
                           R"("complete":true)", R"("referer":"/r")", R"("user_agent":"test")"}) {
    EXPECT_TRUE(has(lines[0], part)) << part << " in " << lines[0];
  }
  EXPECT_EQ(fixture.count(Count::AccessLogRecords), 1u);
}

TEST(AccessLog, LogsEachOfABatchWhenItHasLeft) {
  const TemporaryDirectory directory;
  Fixture fixture(directory.path("log"));
  {
    const AccessBatchHandle batch = fixture.begin();
    batch->open(parse(kRequest), fixture.now());
    batch->answered(200, 100, 150);
    batch->open(parse(kRequest), fixture.now());
    batch->answered(404, 250, 260);
    batch->open(parse(kRequest), fixture.now());
    EXPECT_TRUE(batch->is_open());
    batch->sent(255, false, fixture.now());  // 5 of the 10 bytes of the second
  }
  fixture.finish();
  const auto lines = lines_of(directory.path("log"));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(has(lines[0], R"("status":200,"bytes":50)")) << lines[0];
  EXPECT_TRUE(has(lines[0], R"("complete":true)"));
  EXPECT_TRUE(has(lines[1], R"("status":404,"bytes":5)")) << lines[1];
  EXPECT_TRUE(has(lines[1], R"("complete":false)"));
  EXPECT_TRUE(has(lines[2], R"("status":499,"bytes":0)")) << lines[2];
  EXPECT_TRUE(has(lines[2], R"("complete":false)"));
}

TEST(AccessLog, CountsContentWhoseEndWasNotKnown) {
  const TemporaryDirectory directory;
  Fixture fixture(directory.path("log"));
  {
    const AccessBatchHandle batch = fixture.begin();
    batch->open(parse(kRequest), fixture.now());
    batch->answered(200, 100, AccessBatch::kNotKnown);
    batch->sent(5000, false, fixture.now());
    EXPECT_EQ(fixture.count(Count::AccessLogRecords), 0u);
    batch->sent(2100, true, fixture.now());
  }
  fixture.finish();
  EXPECT_TRUE(has(lines_of(directory.path("log")).at(0), R"("bytes":7000)"));
}

TEST(AccessLog, LogsTheFirstLineOfWhatIsNoRequest) {
  const TemporaryDirectory directory;
  Fixture fixture(directory.path("log"), 65536, AccessStyle::Combined);
  const auto refuse = [&](std::string_view came) {
    const AccessBatchHandle batch = fixture.begin();
    batch->open(came, fixture.now());
    batch->answered(400, 0, 0);
    batch->sent(0, true, fixture.now());
  };
  refuse("\r\nGET / HTTP/9.9\r\nHost: x\r\n\r\n");
  refuse("half a li");
  refuse("");
  refuse("a\" 200 0\n127.0.0.1 - - [forged]");
  fixture.log().log_refused(fixture.fd(), "GET /full HTTP/1.1\r\n", 503);
  fixture.finish();
  const auto lines = lines_of(directory.path("log"));
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_TRUE(has(lines[0], "\"GET / HTTP/9.9\" 400 0 \"-\" \"-\"")) << lines[0];
  EXPECT_TRUE(has(lines[1], "\"half a li\" 400 ")) << lines[1];
  EXPECT_TRUE(has(lines[2], "\"-\" 400 ")) << lines[2];
  EXPECT_TRUE(has(lines[3], "\"a\\x22 200 0\" 400 ")) << lines[3];
  EXPECT_TRUE(has(lines[4], "\"GET /full HTTP/1.1\" 503 ")) << lines[4];
}

TEST(AccessLog, CutsWhatIsTooLong) {
  const TemporaryDirectory directory;
  Fixture fixture(directory.path("log"));
  const http::HeadLimits limits{.max_bytes = 65536, .max_target_bytes = 32768};
  const std::string target = "/" + std::string(20000, 't');
  const std::string agent(5000, 'u');
  const std::string request = "GET " + target + " HTTP/1.1\r\nHost: h\r\nUser-Agent: " + agent +
                              "\r\nReferer: " + agent + "\r\n\r\n";
  {
    const AccessBatchHandle batch = fixture.begin();
    batch->open(parse(request, limits), fixture.now());
    batch->answered(200, 0, 0);
    batch->sent(0, true, fixture.now());
  }
  fixture.finish();
  const auto lines = lines_of(directory.path("log"));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_LT(lines[0].size(), kMostRecordBytes);
  EXPECT_TRUE(has(lines[0], R"("method":"GET")"));
  EXPECT_TRUE(has(lines[0], R"(ttt...","protocol":"HTTP/1.1")"));
  EXPECT_TRUE(has(lines[0], R"(uuu..."})"));
}

TEST(AccessLog, DoesNotGrowWhileAClientAlwaysHasARequestUnderWay) {
  const TemporaryDirectory directory;
  Fixture fixture(directory.path("log"), size_t{1} << 20);
  constexpr int kRequests = 500;
  {
    const AccessBatchHandle batch = fixture.begin();
    batch->open(parse(kRequest), fixture.now());
    for (int i = 0; i < kRequests; ++i) {
      const std::string next = "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
      batch->answered(200, 5, 10);
      batch->open(parse(next), fixture.now());
      batch->sent(10, true, fixture.now());
      EXPECT_LT(batch->held(), 64u);
    }
  }
  fixture.finish();
  const auto lines = lines_of(directory.path("log"));
  ASSERT_EQ(lines.size(), kRequests + 1u);
  for (size_t i = 1; i < lines.size(); ++i) {
    EXPECT_TRUE(has(lines[i], "\"target\":\"/" + std::to_string(i - 1) + "\"")) << lines[i];
  }
}

// The writer sleeps, is woken by the first record of a turn, and writes while the loop goes on.
TEST(AccessLog, WritesWhileTheLoopGoesOn) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const UniqueFd reader(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  Fixture fixture(path);
  for (int i = 0; i < 3; ++i) {
    fixture.log_one();
    fixture.log().end_turn();
    std::array<char, 4096> line{};
    ASSERT_GT(::read(reader.get(), line.data(), line.size()), 0);  // waits for it
  }
}

TEST(AccessLog, LosesNoLineWhileTheFileRotates) {
  constexpr int kRotations = 20;
  constexpr int kPerRotation = 500;
  const TemporaryDirectory directory;
  Fixture fixture(directory.path("log"), size_t{8} << 20);
  int logged = 0;
  for (int i = 0; i < kRotations; ++i) {
    for (int j = 0; j < kPerRotation; ++j) {
      fixture.log_one("GET /" + std::to_string(logged++) + " HTTP/1.1\r\nHost: h\r\n\r\n");
      if (j % 50 == 0) fixture.log().end_turn();
      if (j != kPerRotation / 2) continue;
      std::filesystem::rename(directory.path("log"), directory.path("log." + std::to_string(i)));
      fixture.log().reopen();
      // As a logrotate(8) run is long after the one before: the new file is there.
      while (!std::filesystem::exists(directory.path("log"))) std::this_thread::yield();
    }
  }
  fixture.finish();
  std::set<std::string> targets;
  size_t lines = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory.path())) {
    for (const std::string& line : lines_of(file.path().string())) {
      const size_t at = line.find("\"target\":");
      targets.insert(line.substr(at, line.find(',', at) - at));
      ++lines;
    }
  }
  EXPECT_EQ(lines, static_cast<size_t>(logged));
  EXPECT_EQ(targets.size(), static_cast<size_t>(logged));
  EXPECT_EQ(fixture.count(Count::AccessLogDropped), 0u);
  EXPECT_EQ(fixture.count(Count::AccessLogRecords), static_cast<uint64_t>(logged));
}

TEST(AccessLog, DropsAndCountsRatherThanWaiting) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const UniqueFd reader(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  Fixture fixture(path, 65536);
  constexpr uint64_t kRequests = 5000;  // far more than FIFO, buffer and ring hold
  for (uint64_t i = 0; i < kRequests; ++i) {
    fixture.log_one();
    fixture.log().end_turn();
  }
  EXPECT_GT(fixture.count(Count::AccessLogDropped), 0u);
  fixture.finish();  // nobody reads: what is there is lost, and counted
  const uint64_t written = fixture.count(Count::AccessLogRecords);
  const uint64_t lost = fixture.count(Count::AccessLogWriteErrors);
  EXPECT_EQ(fixture.count(Count::AccessLogDropped) + lost + written, kRequests);
  EXPECT_GT(written, 0u);
}

TEST(AccessLog, CountsWhatAFullDiskDoesNotTake) {
  Fixture fixture("/dev/full");
  for (int i = 0; i < 100; ++i) fixture.log_one();
  fixture.finish();
  EXPECT_EQ(fixture.count(Count::AccessLogWriteErrors), 100u);
  EXPECT_EQ(fixture.count(Count::AccessLogRecords), 0u);
}

TEST(AccessLog, AsksForAnAddressOncePerConnection) {
  const TemporaryDirectory directory;
  Fixture fixture(directory.path("log"));
  fixture.log_one();
  fixture.log().forget(fixture.fd());
  fixture.log().forget(100'000);  // a number it has never seen
  fixture.log_one();
  fixture.finish();
  for (const std::string& line : lines_of(directory.path("log"))) {
    EXPECT_TRUE(has(line, R"("client":"unix:")")) << line;
  }
}

}  // namespace
}  // namespace sockherd::worker
