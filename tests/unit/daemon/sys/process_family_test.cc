#include "daemon/sys/process_family.h"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>

namespace sockherd::sys {
namespace {

// A child with a child, which has written to so many bytes; they end with this object.
class Family {
 public:
  explicit Family(size_t bytes) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    parent_ = ::fork();
    if (parent_ == 0) {
      const pid_t child = ::fork();
      if (child == 0) {
        char* memory = static_cast<char*>(
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        for (size_t at = 0; at < bytes; at += 4096) memory[at] = 1;
        const pid_t self = ::getpid();
        [[maybe_unused]] const ssize_t written = ::write(ends[1], &self, sizeof self);
        ::pause();
        ::_exit(0);
      }
      ::waitpid(child, nullptr, 0);
      ::_exit(0);
    }
    EXPECT_EQ(::read(ends[0], &child_, sizeof child_), static_cast<ssize_t>(sizeof child_));
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ~Family() {
    ::kill(child_, SIGKILL);
    ::waitpid(parent_, nullptr, 0);
  }

  pid_t parent() const { return parent_; }
  pid_t child() const { return child_; }

 private:
  pid_t parent_ = -1;
  pid_t child_ = -1;
};

// 'S', 'T', ... of proc(5); the names here have no blanks.
char state_of(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string number;
  std::string name;
  char state = 0;
  stat >> number >> name >> state;
  return state;
}

TEST(ProcessFamily, IsAProcessAndWhatItHasStarted) {
  const Family family(4096);
  EXPECT_THAT(family_of(family.parent()), testing::ElementsAre(family.parent(), family.child()));
  EXPECT_THAT(family_of(family.child()), testing::ElementsAre(family.child()));
}

TEST(ProcessFamily, ItsUserIsToldUntilItIsWaitedFor) {
  EXPECT_EQ(user_of(::getpid()), ::geteuid());
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(user_of(child), ::geteuid());
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(user_of(child), std::nullopt);
}

TEST(ProcessFamily, RunsAsLongAsAnyOfItsThreads) {
  const auto before = run_time_of(::getpid());
  ASSERT_TRUE(before);
  // The kernel counts at its next tick.
  for (int i = 0; i < 100'000 && run_time_of(::getpid()) == before; ++i) ::sched_yield();
  EXPECT_GT(run_time_of(::getpid()), before);
  const Family family(4096);
  ::kill(family.child(), SIGSTOP);
  while (state_of(family.child()) != 'T') ::sched_yield();
  const auto stands = run_time_of(family.parent());
  ASSERT_TRUE(stands);
  EXPECT_EQ(run_time_of(family.parent()), stands);
  EXPECT_FALSE(run_time_of(0));
}

TEST(ProcessFamily, UsesWhatItsChildrenUse) {
  constexpr uint64_t kBytes = 64 << 20;
  const uint64_t ours = memory_of(::getpid());
  const Family family(kBytes);
  EXPECT_GE(memory_of(family.parent()), kBytes);
  EXPECT_LT(memory_of(family.parent()), kBytes + 2 * ours + (16 << 20));
}

TEST(ProcessFamily, OfAProcessThatIsGoneIsNothing) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(memory_of(child), 0U);
}

}  // namespace
}  // namespace sockherd::sys
