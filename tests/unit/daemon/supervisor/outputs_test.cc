#include "daemon/supervisor/outputs.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/daemon/supervisor/loop.h"
#include "tests/unit/daemon/supervisor/manager.h"
#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr OutputSink::Taken kYes = OutputSink::Taken::Yes;
constexpr OutputSink::Taken kLater = OutputSink::Taken::Later;

const OutputSource kSource{.pool = "api", .slot = 3, .generation = 7, .pid = 4711};

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  std::string read_all() const {
    std::string all;
    char buffer[65536];
    for (ssize_t got = 0; (got = ::read(out.get(), buffer, sizeof buffer)) > 0;) {
      all.append(buffer, static_cast<size_t>(got));
    }
    return all;
  }
  void fill() const {
    while (::write(in.get(), "xxxx", 4) > 0) {
    }
  }
  UniqueFd in;
  UniqueFd out;
};

// The journal's end of its socket.
struct Journal {
  Journal() : socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    const auto address = sys::parsed("unix:" + path());
    EXPECT_EQ(::bind(socket.get(), address.get(), address.size()), 0);
  }
  std::string path() const { return directory.path("journal"); }
  std::string receive() const {
    char buffer[65536];
    const ssize_t got = ::recv(socket.get(), buffer, sizeof buffer, 0);
    return got < 0 ? "" : std::string(buffer, static_cast<size_t>(got));
  }
  OutputSink sink(int error_fd) const {
    return OutputSink(sys::JournalSocket::create(path()).value(), error_fd);
  }
  worker::TemporaryDirectory directory;
  UniqueFd socket;
};

// --- the sink

TEST(OutputSinkTest, OnStandardErrorALineHasTheNameOfItsWorkerInFront) {
  const Pipe error;
  const OutputSink sink(std::nullopt, error.in.get());
  const OutputSink::Tag tag(kSource);
  EXPECT_EQ(sink.write(tag, {3, "listening"}), kYes);
  EXPECT_EQ(sink.write(tag, {6, ""}), kYes);
  EXPECT_EQ(error.read_all(), "api/3 | listening\napi/3 | \n");
}

TEST(OutputSinkTest, NobodyWaitsForAStandardErrorThatIsFull) {
  const Pipe error;
  error.fill();
  const OutputSink sink(std::nullopt, error.in.get());
  EXPECT_EQ(sink.write(OutputSink::Tag(kSource), {6, "x"}), kLater);
}

TEST(OutputSinkTest, ALineFitsIntoAPipeAtOnce) {
  const OutputSink sink(std::nullopt, 2);
  const OutputSink::Tag tag({.pool = std::string(5000, 'x')});
  EXPECT_EQ(tag.prefix.size() + sink.most_line_bytes(tag) + sizeof "<6>\n" - 1,
            static_cast<size_t>(PIPE_BUF));
}

TEST(OutputSinkTest, InTheJournalALineHasFields) {
  const Journal journal;
  EXPECT_EQ(journal.sink(-1).write(OutputSink::Tag(kSource), {3, "a\tb = c"}), kYes);
  EXPECT_EQ(journal.receive(),
            "MESSAGE=a\tb = c\nPRIORITY=3\nSYSLOG_IDENTIFIER=api\nSOCKHERD_POOL=api\n"
            "SOCKHERD_SLOT=3\nSOCKHERD_GENERATION=7\nSYSLOG_PID=4711\nOBJECT_PID=4711\n");
}

TEST(OutputSinkTest, NobodyWaitsForAJournalThatIsBehind) {
  const Journal journal;
  const OutputSink sink = journal.sink(-1);
  const OutputSink::Tag tag(kSource);
  size_t sent = 0;
  while (sink.write(tag, {6, "x"}) == kYes) ASSERT_LT(++sent, 1'000'000U);
  EXPECT_GT(sent, 0U);
  EXPECT_NE(journal.receive(), "");
  EXPECT_EQ(sink.write(tag, {6, "x"}), kYes) << "there is room again";
}

TEST(OutputSinkTest, WithoutAJournalLinesGoWhereOurLogGoes) {
  const Pipe error;
  const Journal journal;
  const OutputSink sink = journal.sink(error.in.get());
  ::unlink(journal.path().c_str());
  EXPECT_EQ(sink.write(OutputSink::Tag(kSource), {4, "x"}), kYes);
  EXPECT_EQ(error.read_all(), "<4>api/3 | x\n");
}

// --- reading

class OutputsTest : public LoopTest {
 protected:
  // The worker's end of its output, which is being read.
  UniqueFd begin(fleet::WorkerId id = 1) {
    auto pipe = sys::create_output_pipe();
    EXPECT_TRUE(pipe.ok());
    EXPECT_TRUE(outputs().begin(id, kSource, std::move(pipe->ours), &counters_).ok());
    return std::move(pipe->theirs);
  }
  static void write(const UniqueFd& fd, const std::string& text) {
    EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  Outputs& outputs() { return outputs_; }
  uint64_t lines() const { return counters_.get(stats::Count::OutputLines); }
  uint64_t dropped() const { return counters_.get(stats::Count::OutputLinesDropped); }

  worker::TemporaryDirectory managers_;
  FakeManager manager_{managers_.path("notify")};
  stats::Counters counters_;
  Pipe error_;
  FdStore store_;
  Outputs outputs_{loop(), store_, OutputSink(std::nullopt, error_.in.get())};
};

TEST_F(OutputsTest, LinesArePassedOnAndCounted) {
  const UniqueFd out = begin();
  write(out, "one\ntwo\nthr");
  run_until([this] { return lines() == 2; });
  EXPECT_EQ(error_.read_all(), "api/3 | one\napi/3 | two\n");
  write(out, "ee\n");
  run_until([this] { return lines() == 3; });
  EXPECT_EQ(error_.read_all(), "api/3 | three\n");
  EXPECT_EQ(dropped(), 0U);
}

TEST_F(OutputsTest, TheLastWordsOfAWorkerAreHeard) {
  {
    const UniqueFd out = begin();
    write(out, "one\nno end");
  }
  outputs().end(1);
  EXPECT_EQ(error_.read_all(), "api/3 | one\napi/3 | no end\n");
}

// Also while what it has started lives on, and has the other end.
TEST_F(OutputsTest, TheEndOfAWorkerDoesNotWaitForItsChildren) {
  const UniqueFd out = begin();
  write(out, "one\n");
  outputs().end(1);
  EXPECT_EQ(error_.read_all(), "api/3 | one\n");
  EXPECT_THAT(manager_.names(), IsEmpty());
  pollfd other{.fd = out.get(), .events = POLLOUT, .revents = 0};
  EXPECT_EQ(::poll(&other, 1, 0), 1);
  EXPECT_TRUE(other.revents & POLLERR) << "nobody reads it any more";
}

TEST_F(OutputsTest, AWorkerThatClosesItsOutputIsReadToTheEnd) {
  begin().reset();
  run_what_waits();
  EXPECT_THAT(manager_.names(), IsEmpty());
  outputs().end(1);
}

TEST_F(OutputsTest, SystemdKeepsOurEnd) {
  UniqueFd out = begin(42);
  EXPECT_THAT(manager_.names(), ElementsAre("sockherd.output.42"));
  write(out, "what nobody has read\n");
  out.reset();
  Inheritance left = manager_.inheritance();
  outputs().read_remains(kSource, std::move(left.workers.at(42).output));
  EXPECT_EQ(error_.read_all(), "api/3 | what nobody has read\n");
}

TEST_F(OutputsTest, WhoGoesLeavesNothingInHisHands) {
  const UniqueFd out = begin();
  write(out, "one\nhalf");
  run_until([this] { return lines() == 1; });
  outputs().flush();
  EXPECT_EQ(error_.read_all(), "api/3 | one\napi/3 | half\n");
}

// What does not fit is dropped, counted and said; the worker does not wait.
TEST_F(OutputsTest, AFloodIsBounded) {
  const UniqueFd out = begin();
  ASSERT_EQ(::fcntl(out.get(), F_SETFL, O_NONBLOCK), 0);
  const std::string many = [] {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "x\n";
    return text;
  }();
  uint64_t written = 0;
  while (written < 100'000) {
    if (::write(out.get(), many.data(), many.size()) == static_cast<ssize_t>(many.size())) {
      written += 100;
    } else {
      ASSERT_GE(::sd_event_run(loop(), 100'000), 0);
    }
    error_.read_all();
  }
  run_until([&] {
    error_.read_all();
    return lines() + dropped() == written;
  });
  EXPECT_GE(lines(), static_cast<uint64_t>(OutputBudget::kBurst));
  EXPECT_GT(dropped(), 0U);
}

// The log is behind: what a worker writes waits with us, then in its pipe, and goes on afterwards.
TEST_F(OutputsTest, ALogThatIsBehindIsWaitedFor) {
  const UniqueFd out = begin();
  error_.fill();
  write(out, "one\n");
  run_what_waits();
  EXPECT_EQ(lines(), 0U);
  error_.read_all();
  run_until([this] { return lines() == 1; });
  EXPECT_EQ(error_.read_all(), "api/3 | one\n");
}

TEST_F(OutputsTest, ALogThatStandsStillIsNotWaitedForLong) {
  const UniqueFd out = begin();
  error_.fill();
  write(out, "one\ntwo\n");
  run_until([this] { return dropped() == 2; });
  EXPECT_EQ(lines(), 0U);
}

// --- what a program writes into

TEST(OutputsOpen, IsWhatThePoolSays) {
  config::Pool pool;
  pool.command = {"x"};
  for (const auto& [output, is_read, is_ours] : std::vector<std::tuple<const char*, bool, bool>>{
           {"lines", true, false}, {"discard", false, false}, {"inherit", false, true}}) {
    pool.output = output;
    const auto opened = Outputs::open(pool);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(static_cast<bool>(opened.value().ours), is_read) << output;
    EXPECT_EQ(!opened.value().theirs, is_ours) << output;
  }
  EXPECT_FALSE(Outputs::open(config::Pool{.output = "lines"}).value().theirs) << "the engine";
}

}  // namespace
}  // namespace sockherd::supervisor
