#include "daemon/supervisor/worker_process.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "daemon/base/clock.h"
#include "tests/unit/daemon/supervisor/loop.h"
#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class WorkerProcessTest : public LoopTest {
 protected:
  ~WorkerProcessTest() override {
    if (worker_) worker_->send(SIGKILL);
    if (worker_) run_until([this] { return !worker_; });
  }

  std::string notify_path() const { return directory_.path("n"); }

  void start(std::vector<std::string> arguments, std::vector<sys::PassFd> fds = {},
             const std::string& user = "") {
    auto started = WorkerProcess::start(
        loop(), 7,
        {.arguments = std::move(arguments),
         .fds = std::move(fds),
         .account = {.user = user, .group = ""}},
        notify_path(),
        {.on_notification = [this](const sys::Notification& said) { take(said); },
         .on_exit =
             [this](fleet::WorkerExited exited) {
               events_.push_back("exit");
               exited_ = std::move(exited);
               worker_.reset();  // as Hands does
             },
         .on_stranger =
             [this](const sys::Notification& said) {
               events_.push_back("stranger " + std::to_string(said.sender_uid));
             }});
    ASSERT_TRUE(started.ok()) << started.error().what;
    worker_ = std::move(started).value();
  }
  void start_shell(const std::string& script) { start({"/bin/sh", "-c", script}); }

  void take(const sys::Notification& said) {
    if (said.ready) events_.push_back("ready");
    if (said.stopping) events_.push_back("stopping");
    if (said.status) events_.push_back("status");
  }

  // Speaks as the worker: who says a message is known by where it arrives.
  void say(std::string_view message) {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto address = sys::parsed("unix:" + notify_path());
    ASSERT_EQ(
        ::sendto(socket.get(), message.data(), message.size(), 0, address.get(), address.size()),
        static_cast<ssize_t>(message.size()));
  }

  void say_as(uid_t user, std::string_view message) {
    ASSERT_EQ(::chmod(directory_.path("").c_str(), 0755), 0);
    EXPECT_EQ(sys::as_user(user,
                           [this, message] {
                             say(message);
                             return std::string(HasFailure() ? "failed" : "said");
                           }),
              "said");
  }

  fleet::WorkerExited run_to_the_end() {
    run_until([this] { return exited_.has_value(); });
    return exited_.value_or(fleet::WorkerExited{});
  }

  worker::TemporaryDirectory directory_;
  std::unique_ptr<WorkerProcess> worker_;
  std::vector<std::string> events_;
  std::optional<fleet::WorkerExited> exited_;
};

TEST_F(WorkerProcessTest, TellsWhatItsWorkerSays) {
  start_shell("exec sleep 60");
  say("READY=1\nSTATUS=serving");
  run_until([this] { return events_.size() == 2; });
  EXPECT_EQ(worker_->status(), "serving");
  EXPECT_EQ(worker_->id(), 7U);
  say("STOPPING=1");
  run_until([this] { return events_.size() == 3; });
  EXPECT_THAT(events_, ElementsAre("ready", "status", "stopping"));
}

// Found in review: anybody on the machine could say that a worker was ready, or hung.
TEST_F(WorkerProcessTest, DoesNotListenToStrangers) {
  REQUIRE_ROOT();
  start_shell("exec sleep 60");
  say_as(sys::kNobody, "READY=1\nSTATUS=never");
  say("STOPPING=1");
  run_until([this] { return events_.size() == 2; });
  EXPECT_THAT(events_, ElementsAre("stranger 65534", "stopping"));
  EXPECT_EQ(worker_->status(), "");
}

// As systemd-notify does, which has ended when its message is read.
TEST_F(WorkerProcessTest, ListensToWhoIsTheSameUserAsItsWorker) {
  REQUIRE_ROOT();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  start({"/bin/sh", "-c", "echo >&3; exec sleep 60"}, {{write_end.get(), "lives"}}, "65534");
  ASSERT_TRUE(sys::wait_readable(read_end.get())) << "it has become that user";
  say_as(sys::kNobody, "READY=1");
  say_as(33, "STOPPING=1");
  run_until([this] { return events_.size() == 2; });
  EXPECT_THAT(events_, ElementsAre("ready", "stranger 33"));
}

// A part of it that has given its rights away speaks for it; so does its last word.
TEST_F(WorkerProcessTest, ListensToTheProcessGroupOfItsWorker) {
  REQUIRE_ROOT();
  ASSERT_EQ(::chmod(directory_.path("").c_str(), 0755), 0);
  start({"/usr/bin/python3", "-I", "-S", "-c",
         "import os, signal, socket\n"
         "os.setresuid(65534, 65534, 65534) if os.fork() == 0 else signal.pause()\n"
         "said = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
         "said.sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])\n"
         "signal.pause()"});
  run_until([this] { return !events_.empty(); });
  EXPECT_THAT(events_, ElementsAre("ready"));
}

TEST_F(WorkerProcessTest, TellsItsWorkerWhereToSpeak) {
  start_shell("echo $NOTIFY_SOCKET > " + directory_.path("said"));
  run_to_the_end();
  std::ifstream said(directory_.path("said"));
  std::string line;
  std::getline(said, line);
  EXPECT_EQ(line, notify_path());
}

TEST_F(WorkerProcessTest, TellsHowItsWorkerEnded) {
  start_shell("exit 3");
  const auto exited = run_to_the_end();
  EXPECT_EQ(exited.id, 7U);
  EXPECT_GT(exited.pid, 0);
  EXPECT_EQ(exited.kind, fleet::ExitKind::Status);
  EXPECT_EQ(exited.code, 3);
  EXPECT_EQ(exited.detail, "exit 3");
}

TEST_F(WorkerProcessTest, TellsTheSignalThatEndedItsWorker) {
  start_shell("kill -SEGV $$");
  const auto exited = run_to_the_end();
  EXPECT_EQ(exited.kind, fleet::ExitKind::Signal);
  EXPECT_EQ(exited.code, SIGSEGV);
  EXPECT_EQ(exited.detail, "signal SEGV");
}

TEST_F(WorkerProcessTest, SendsSignalsToItsWorker) {
  start_shell("exec sleep 60");
  worker_->send(SIGKILL);
  EXPECT_EQ(run_to_the_end().detail, "signal KILL");
}

// Found in review: the program behind a wrapper script went on accepting from the slot.
TEST_F(WorkerProcessTest, KillsWhatItsWorkerHasStartedToo) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  start({"/bin/sh", "-c", "sleep 60 & echo >&3; wait"}, {{write_end.get(), "alive"}});
  write_end.reset();
  char byte = 0;
  ASSERT_EQ(::read(read_end.get(), &byte, 1), 1) << "both are there";
  worker_->send(SIGKILL);
  run_to_the_end();
  ASSERT_TRUE(sys::wait_readable(read_end.get()));
  EXPECT_EQ(::read(read_end.get(), &byte, 1), 0) << "neither is there";
}

TEST_F(WorkerProcessTest, TellsWhyItsWorkerCouldNotBeStarted) {
  start({"/no/such/program"});
  const auto exited = run_to_the_end();
  EXPECT_EQ(exited.kind, fleet::ExitKind::NotStarted);
  EXPECT_EQ(exited.code, ENOENT);
  EXPECT_THAT(exited.detail, HasSubstr("exec /no/such/program: No such file or directory"));
}

TEST_F(WorkerProcessTest, FailsWhereItsNotifySocketCanNotBe) {
  const auto started = WorkerProcess::start(loop(), 7, {.arguments = {"/bin/true"}},
                                            directory_.path("no/such/directory"), {});
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.error().what, HasSubstr("No such file or directory"));
}

// Found in review: the exit could be seen first, and what the worker said before it was lost.
TEST_F(WorkerProcessTest, HearsTheLastWordsOfAWorkerBeforeItsEnd) {
  start_shell("exit 0");
  say("READY=1");
  say("STOPPING=1");
  run_to_the_end();
  EXPECT_THAT(events_, ElementsAre("ready", "stopping", "exit"));
}

// Found in review: a status goes into D-Bus strings, which must be UTF-8, or the reply is lost.
TEST_F(WorkerProcessTest, KeepsAStatusPlainAndShort) {
  start_shell("exec sleep 60");
  say("STATUS=caf\xc3\xa9 \xff\xc3 \x1b[31m");
  run_until([this] { return events_.size() == 1; });
  EXPECT_EQ(worker_->status(), "caf\xc3\xa9 ?? ?[31m");
  say("STATUS=" + std::string(4000, 'x'));
  run_until([this] { return events_.size() == 2; });
  EXPECT_EQ(worker_->status(), std::string(512, 'x'));
}

// Found in review: messages were read as long as there were any.
TEST_F(WorkerProcessTest, AWorkerThatFloodsItsSocketDoesNotStopTheLoop) {
  start_shell("exec sleep 60");
  std::atomic<bool> is_over = false;
  const auto address = sys::parsed("unix:" + notify_path());
  std::vector<std::thread> flood;
  for (int i = 0; i < 2; ++i) {
    flood.emplace_back([&] {
      const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      while (!is_over) {
        ::sendto(socket.get(), "X=1", 3, MSG_DONTWAIT, address.get(), address.size());
      }
    });
  }
  int ticks = 0;
  Watch timer;
  timer = Watch::timer(loop(), [&] {
            if (++ticks < 20) timer.arm(monotonic_now());
          }).value();
  timer.arm(monotonic_now());
  run_until([&] { return ticks == 20; });
  is_over = true;
  for (std::thread& thread : flood) thread.join();
}

}  // namespace
}  // namespace sockherd::supervisor
