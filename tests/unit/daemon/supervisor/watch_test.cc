#include "daemon/supervisor/watch.h"

#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <optional>

#include "daemon/base/clock.h"
#include "daemon/base/unique_fd.h"
#include "tests/unit/daemon/supervisor/loop.h"

namespace sockherd::supervisor {
namespace {

using std::chrono::milliseconds;

class WatchTest : public LoopTest {
 protected:
  static UniqueFd readable_fd() { return UniqueFd(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)); }

  Watch on_readable(const UniqueFd& fd, std::function<void()> callback) {
    return Watch::on_readable(loop(), fd.get(), std::move(callback)).value();
  }

  Watch timer(std::function<void()> callback) {
    return Watch::timer(loop(), std::move(callback)).value();
  }

  // A child that ends at once with `status`.
  static pid_t child(int status) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(status);
    return pid;
  }
};

TEST_F(WatchTest, CallsBackAsLongAsItIsReadable) {
  const UniqueFd fd = readable_fd();
  int calls = 0;
  const Watch watch = on_readable(fd, [&] {
    uint64_t count = 0;
    if (++calls < 3) return;
    EXPECT_EQ(::read(fd.get(), &count, sizeof count), 8);
  });
  run_what_waits();
  EXPECT_EQ(calls, 3);
}

TEST_F(WatchTest, MayBeDestroyedInsideItsOwnCallback) {
  const UniqueFd fd = readable_fd();
  const auto big = std::make_shared<std::string>(1000, 'x');  // lives in the callback only
  std::optional<Watch> watch;
  std::string seen;
  watch = on_readable(fd, [&watch, &seen, mine = big] {
    watch.reset();
    seen = *mine;
  });
  run_what_waits();
  EXPECT_EQ(seen.size(), 1000U);
  EXPECT_EQ(big.use_count(), 1) << "the callback is gone too";
}

TEST_F(WatchTest, MayBeReplacedInsideItsOwnCallback) {
  Watch watch;
  int first = 0;
  int second = 0;
  watch = timer([&] {
    ++first;
    watch = timer([&] { ++second; });
    watch.arm(monotonic_now());
  });
  watch.arm(monotonic_now());
  run_until([&] { return second > 0; });
  run_what_waits();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
}

TEST_F(WatchTest, IsNotCalledOnceAnotherOfTheSameBatchHasDestroyedIt) {
  const UniqueFd one = readable_fd();
  const UniqueFd other = readable_fd();
  int calls = 0;
  Watch first;
  Watch second;
  const auto both_end = [&] {
    ++calls;
    first.reset();
    second.reset();
  };
  first = on_readable(one, both_end);
  second = on_readable(other, both_end);
  run_what_waits();
  EXPECT_EQ(calls, 1);
}

TEST_F(WatchTest, IsMovedWithItsRegistration) {
  const UniqueFd fd = readable_fd();
  int calls = 0;
  Watch watch = on_readable(fd, [&] {
    ++calls;
    uint64_t count = 0;
    EXPECT_EQ(::read(fd.get(), &count, sizeof count), 8);
  });
  const Watch moved = std::move(watch);
  EXPECT_TRUE(moved);
  run_what_waits();
  EXPECT_EQ(calls, 1);
}

TEST_F(WatchTest, FailsForADescriptorThatIsNone) {
  EXPECT_FALSE(Watch::on_readable(loop(), -1, [] {}).ok());
}

TEST_F(WatchTest, TimerWaitsUntilItIsArmedAndFiresOnceAndNeverEarly) {
  int calls = 0;
  Watch watch = timer([&] { ++calls; });
  run_what_waits();
  EXPECT_EQ(calls, 0);
  const Instant due = monotonic_now() + milliseconds(5);
  watch.arm(due);
  run_until([&] { return calls > 0; });
  EXPECT_GE(monotonic_now(), due);
  run_what_waits();
  EXPECT_EQ(calls, 1);
  watch.arm(monotonic_now());
  run_until([&] { return calls > 1; });
}

TEST_F(WatchTest, TimerThatIsDisarmedOrPutOffDoesNotFire) {
  int calls = 0;
  Watch watch = timer([&] { ++calls; });
  watch.arm(monotonic_now());
  watch.disarm();
  run_what_waits();
  watch.arm(monotonic_now());
  watch.arm(monotonic_now() + std::chrono::hours(1));
  run_what_waits();
  EXPECT_EQ(calls, 0);
}

TEST_F(WatchTest, TimerMayBeArmedAgainInsideItsOwnCallback) {
  int calls = 0;
  Watch watch;
  watch = timer([&] {
    if (++calls < 3) watch.arm(monotonic_now());
  });
  watch.arm(monotonic_now());
  run_until([&] { return calls == 3; });
}

TEST_F(WatchTest, TellsHowAChildEndedAndReapsIt) {
  const pid_t pid = child(3);
  std::optional<siginfo_t> seen;
  std::optional<Watch> watch;
  watch = Watch::on_exit(loop(), pid, [&](const siginfo_t& info) {
            seen = info;
            watch.reset();
          }).value();
  run_until([&] { return seen.has_value(); });
  EXPECT_EQ(seen->si_pid, pid);
  EXPECT_EQ(seen->si_code, CLD_EXITED);
  EXPECT_EQ(seen->si_status, 3);
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1) << "reaped";
}

TEST_F(WatchTest, ManyChildrenThatEndTogetherAreAllSeen) {
  std::vector<Watch> watches;
  int ended = 0;
  for (int i = 0; i < 50; ++i) {
    watches.push_back(
        Watch::on_exit(loop(), child(0), [&](const siginfo_t& /*info*/) { ++ended; }).value());
  }
  run_until([&] { return ended == 50; });
}

TEST_F(WatchTest, CallsBackOnEverySignal) {
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &usr1, nullptr);
  int calls = 0;
  const Watch watch = Watch::on_signal(loop(), SIGUSR1, [&] { ++calls; }).value();
  for (int i = 1; i <= 3; ++i) {
    ::raise(SIGUSR1);
    run_until([&] { return calls == i; });
  }
}

}  // namespace
}  // namespace sockherd::supervisor
