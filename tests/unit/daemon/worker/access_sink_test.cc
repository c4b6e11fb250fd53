// The places where lines go: files that rotate, disks that are full, readers that are slow or gone.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "daemon/worker/access_file.h"
#include "daemon/worker/access_journal.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::worker {
namespace {

AccessRecord record_of(std::string_view line, uint16_t status = 200) {
  AccessRecord record;
  record.facts.status = status;
  record.facts.is_valid = true;
  record.line = line;
  return record;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

size_t lines(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

bool never(int /*fd*/) {
  return false;
}

std::unique_ptr<AccessSink> open_file(const std::string& path) {
  auto opened = AccessFile::open({.where = path, .pool = "web"});
  EXPECT_TRUE(opened.ok());
  return std::move(opened).value();
}

// A FIFO that is full but for less than a page, with its reader.
struct FullFifo {
  explicit FullFifo(const std::string& path) {
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    reader = UniqueFd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const UniqueFd writer(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    std::array<char, 4096> page{};
    while (::write(writer.get(), page.data(), page.size()) > 0) filled += page.size();
  }
  void drain() {
    std::array<char, 4096> page{};
    while (::read(reader.get(), page.data(), page.size()) > 0) continue;
  }
  UniqueFd reader;
  size_t filled = 0;
};

TEST(AccessFile, AppendsWholeLines) {
  const TemporaryDirectory directory;
  directory.write("log", "before\n");
  const auto file = open_file(directory.path("log"));
  file->put(record_of("GET /1 HTTP/1.1"), Duration::zero());
  file->put(record_of("GET /2 HTTP/1.1"), Duration::zero());
  const AccessSink::Written written = file->flush(never);
  EXPECT_EQ(written.records, 2u);
  EXPECT_EQ(written.lost, 0u);
  const std::string text = read_file(directory.path("log"));
  EXPECT_TRUE(text.starts_with("before\n"));
  EXPECT_LT(text.find("GET /1 "), text.find("GET /2 "));
  EXPECT_EQ(lines(text), 3u);
}

TEST(AccessFile, MakesAFileThatOthersCanNotRead) {
  const TemporaryDirectory directory;
  const auto file = open_file(directory.path("log"));
  struct stat st {};
  ASSERT_EQ(::stat(directory.path("log").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0137, 0u);
}

TEST(AccessFile, ReopensWhatHasBeenRenamed) {
  const TemporaryDirectory directory;
  const auto file = open_file(directory.path("log"));
  file->put(record_of("GET /1 HTTP/1.1"), Duration::zero());
  file->flush(never);
  std::filesystem::rename(directory.path("log"), directory.path("log.1"));
  file->put(record_of("GET /2 HTTP/1.1"), Duration::zero());
  file->flush(never);
  ASSERT_TRUE(file->reopen().ok());
  file->put(record_of("GET /3 HTTP/1.1"), Duration::zero());
  file->flush(never);
  EXPECT_EQ(lines(read_file(directory.path("log.1"))), 2u);
  EXPECT_NE(read_file(directory.path("log")).find("GET /3 "), std::string::npos);
}

TEST(AccessFile, GoesOnWithTheFileBeforeWhenItCanNotReopen) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path("logs"));
  const auto file = open_file(directory.path("logs/log"));
  std::filesystem::rename(directory.path("logs"), directory.path("gone"));
  const auto reopened = file->reopen();
  ASSERT_FALSE(reopened.ok());
  EXPECT_NE(reopened.error().what.find("create its directory"), std::string::npos);
  file->put(record_of("GET /1 HTTP/1.1"), Duration::zero());
  EXPECT_EQ(file->flush(never).records, 1u);
  EXPECT_EQ(lines(read_file(directory.path("gone/log"))), 1u);
}

TEST(AccessFile, SaysWhatToDoAboutAFileThatCanNotBeOpened) {
  const TemporaryDirectory directory;
  const auto missing = AccessFile::open({.where = directory.path("no/log"), .pool = "web"});
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().what.find("No such file or directory; create its directory"),
            std::string::npos);
  const auto folder = AccessFile::open({.where = directory.path(), .pool = "web"});
  ASSERT_FALSE(folder.ok());
  EXPECT_NE(folder.error().what.find("name a file in it"), std::string::npos);
}

TEST(AccessFile, CountsWhatAFullDiskDoesNotTake) {
  const auto file = open_file("/dev/full");
  for (int i = 0; i < 3; ++i) file->put(record_of("GET / HTTP/1.1"), Duration::zero());
  const AccessSink::Written written = file->flush(never);
  EXPECT_EQ(written.records, 0u);
  EXPECT_EQ(written.lost, 3u);
  ASSERT_TRUE(written.error);
  EXPECT_EQ(written.error->code, ENOSPC);
}

// RLIMIT_FSIZE stands for the disk that fills up in the middle of a line.
TEST(AccessFile, EndsALineThatADiskHasCutBeforeTheNext) {
  const TemporaryDirectory directory;
  const auto file = open_file(directory.path("log"));
  file->put(record_of("GET /1 HTTP/1.1"), Duration::zero());
  file->flush(never);
  const auto size = std::filesystem::file_size(directory.path("log"));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = before;
  limit.rlim_cur = size + 10;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  file->put(record_of("GET /2 HTTP/1.1"), Duration::zero());
  const AccessSink::Written cut = file->flush(never);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(cut.records, 0u);
  EXPECT_EQ(cut.lost, 1u);
  file->put(record_of("GET /3 HTTP/1.1"), Duration::zero());
  const AccessSink::Written after = file->flush(never);
  EXPECT_EQ(after.records, 1u);
  EXPECT_EQ(after.lost, 0u);
  const std::string text = read_file(directory.path("log"));
  EXPECT_EQ(lines(text), 3u);
  EXPECT_EQ(text.find("GET /2 "), std::string::npos);
  EXPECT_NE(text.find("\n- - - ["), std::string::npos);
  EXPECT_NE(text.find("\"GET /3 HTTP/1.1\""), std::string::npos);
}

TEST(AccessFile, LosesWhatAReaderDoesNotTakeAndGoesOnWhenItDoes) {
  const TemporaryDirectory directory;
  FullFifo fifo(directory.path("fifo"));
  const auto file = open_file(directory.path("fifo"));
  file->put(record_of("GET /1 HTTP/1.1"), Duration::zero());
  EXPECT_EQ(file->flush(never).lost, 1u);
  fifo.drain();
  file->put(record_of("GET /2 HTTP/1.1"), Duration::zero());
  EXPECT_EQ(file->flush(never).records, 1u);
}

TEST(AccessFile, WaitsForAReaderWhereItIsTold) {
  const TemporaryDirectory directory;
  FullFifo fifo(directory.path("fifo"));
  const auto file = open_file(directory.path("fifo"));
  file->put(record_of("GET /1 HTTP/1.1"), Duration::zero());
  int asked = 0;
  const AccessSink::Written written = file->flush([&](int fd) {
    EXPECT_GE(fd, 0);
    ++asked;
    fifo.drain();
    return true;
  });
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(written.records, 1u);
}

TEST(AccessFile, WritesWholeLinesToAPipeWhereOthersWriteToo) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const auto file = open_file(path);
  const std::string long_line = "GET /" + std::string(200, 'x') + " HTTP/1.1";
  for (int i = 0; i < 100; ++i) file->put(record_of(long_line), Duration::zero());
  EXPECT_EQ(file->flush(never).records, 100u);
  std::string text;
  std::array<char, 65536> piece;
  for (ssize_t got = 0; (got = ::read(reader.get(), piece.data(), piece.size())) > 0;) {
    text.append(piece.data(), static_cast<size_t>(got));
  }
  EXPECT_EQ(lines(text), 100u);
}

TEST(AccessFile, LosesWhatNobodyReads) {
  std::signal(SIGPIPE, SIG_IGN);
  const TemporaryDirectory directory;
  const std::string path = directory.path("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(AccessFile::open({.where = path, .pool = "web"}).ok());  // would wait for a reader
  UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const auto file = open_file(path);
  reader.reset();
  file->put(record_of("GET /1 HTTP/1.1"), Duration::zero());
  const AccessSink::Written written = file->flush(never);
  EXPECT_EQ(written.lost, 1u);
  EXPECT_EQ(written.error->code, EPIPE);
}

class Journal {
 public:
  explicit Journal(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  std::string read() const {
    std::array<char, 65536> entry;
    const ssize_t got = ::recv(fd_.get(), entry.data(), entry.size(), 0);
    return got < 0 ? "nothing" : std::string(entry.data(), static_cast<size_t>(got));
  }

 private:
  UniqueFd fd_;
};

TEST(AccessJournal, SendsAnEntryWithFields) {
  const TemporaryDirectory directory;
  const Journal journal(directory.path("socket"));
  auto sink =
      AccessJournal::open({.where = "journal", .pool = "web", .slot = 2}, directory.path("socket"));
  ASSERT_TRUE(sink.ok());
  AccessRecord record = record_of("GET /x HTTP/1.1", 503);
  record.facts.client.family = AF_UNIX;
  record.facts.took = std::chrono::microseconds(42);
  record.facts.content_bytes = 7;
  record.host = "example.com";
  record.user_agent = "forged\nPRIORITY=0";
  (*sink)->put(record, Duration::zero());
  EXPECT_EQ((*sink)->flush(never).records, 1u);
  const std::string entry = journal.read();
  EXPECT_TRUE(entry.starts_with("MESSAGE=unix: - - ["));
  for (const char* field :
       {"\nPRIORITY=4\n", "\nSYSLOG_IDENTIFIER=sockherd-access\n", "\nSOCKHERD_POOL=web\n",
        "\nSOCKHERD_SLOT=2\n", "\nHTTP_CLIENT=unix:\n", "\nHTTP_METHOD=GET\n", "\nHTTP_TARGET=/x\n",
        "\nHTTP_PROTOCOL=HTTP/1.1\n", "\nHTTP_HOST=example.com\n", "\nHTTP_STATUS=503\n",
        "\nHTTP_BYTES=7\n", "\nHTTP_DURATION_USEC=42\n",
        "\nHTTP_USER_AGENT=forged\\x0APRIORITY=0\n"}) {
    EXPECT_NE(entry.find(field), std::string::npos) << field << " in " << entry;
  }
  EXPECT_EQ(entry.find("HTTP_REFERER"), std::string::npos);
  EXPECT_EQ(journal.read(), "nothing");
}

TEST(AccessJournal, CountsWhatAJournalThatIsNotThereDoesNotTake) {
  const TemporaryDirectory directory;
  auto sink = AccessJournal::open({.where = "journal", .pool = "web"}, directory.path("socket"));
  ASSERT_TRUE(sink.ok());
  (*sink)->put(record_of("GET / HTTP/1.1"), Duration::zero());
  const AccessSink::Written lost = (*sink)->flush(never);
  EXPECT_EQ(lost.lost, 1u);
  EXPECT_EQ(lost.error->code, ENOENT);
  const Journal journal(directory.path("socket"));  // now it is
  (*sink)->put(record_of("GET / HTTP/1.1"), Duration::zero());
  EXPECT_EQ((*sink)->flush(never).records, 1u);
}

}  // namespace
}  // namespace sockherd::worker
