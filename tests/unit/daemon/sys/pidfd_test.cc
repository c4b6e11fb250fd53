#include "daemon/sys/pidfd.h"

#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sys/syscall.h>

#include <csignal>

#include "tests/unit/daemon/sys/peers.h"

namespace sockherd::sys {
namespace {

// A process that waits to be ended; with that number, if one is given.
pid_t start_process(pid_t number = 0) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  if (number != 0) {
    arguments.set_tid = reinterpret_cast<uint64_t>(&number);
    arguments.set_tid_size = 1;
  }
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (pid == 0) {
    for (;;) ::pause();
  }
  return pid;
}

void reap(pid_t pid) {
  ::kill(pid, SIGKILL);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST(Pidfd, KnowsItsProcess) {
  const pid_t pid = start_process();
  const UniqueFd fd = open_pidfd(pid).value();
  EXPECT_EQ(pid_of(fd.get()).value(), pid);
  EXPECT_EQ(pid_of(open_pidfd(::getpid())->get()).value(), ::getpid());
  EXPECT_TRUE(send_signal(fd.get(), SIGTERM).ok());
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

TEST(Pidfd, OfAProcessThatHasEndedIsOfNobody) {
  const pid_t pid = start_process();
  const UniqueFd fd = open_pidfd(pid).value();
  ::kill(pid, SIGKILL);
  ASSERT_TRUE(wait_readable(fd.get()));
  EXPECT_EQ(pid_of(fd.get()).error().code, ESRCH) << "a zombie";
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_EQ(pid_of(fd.get()).error().code, ESRCH);
  EXPECT_EQ(send_signal(fd.get(), SIGTERM).error().code, ESRCH);
  EXPECT_EQ(open_pidfd(pid).error().code, ESRCH);
}

TEST(Pidfd, NeverMeansTheNextProcessOfTheSameNumber) {
  REQUIRE_ROOT();
  const pid_t pid = start_process();
  const UniqueFd fd = open_pidfd(pid).value();
  reap(pid);
  ASSERT_EQ(start_process(pid), pid) << "the number is used again";
  EXPECT_EQ(pid_of(fd.get()).error().code, ESRCH);
  EXPECT_EQ(send_signal(fd.get(), SIGKILL).error().code, ESRCH);
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), 0) << "the other one lives";
  reap(pid);
}

TEST(Pidfd, WhatIsNoneIsToldApart) {
  EXPECT_FALSE(open_pidfd(-1).ok());
  EXPECT_FALSE(open_pidfd(0).ok());
  EXPECT_FALSE(pid_of(-1).ok());
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  EXPECT_EQ(pid_of(read_end.get()).error().code, ESRCH) << "nothing to read, as with a pidfd";
  EXPECT_FALSE(send_signal(read_end.get(), 0).ok());
}

}  // namespace
}  // namespace sockherd::sys
