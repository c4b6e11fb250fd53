#include <fcntl.h>
#include <gtest/gtest.h>

#include "daemon/base/growing_pause.h"
#include "daemon/base/log.h"
#include "daemon/base/nearest.h"
#include "daemon/base/now_and_then.h"
#include "daemon/base/parse.h"
#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"

namespace sockherd {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error{0, "odd"};
  return n / 2;
}

Result<int> quarter(int n) {
  const int h = TRY(half(n));
  return TRY(half(h));
}

TEST(Result, TryHandsTheErrorUp) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().what, "odd");
  EXPECT_EQ(quarter(6).error().code, 0);
}

TEST(Result, ContextComesInFront) {
  const Error error = errno_error("bind", EADDRINUSE).in("listen on [::]:80");
  EXPECT_EQ(error.code, EADDRINUSE);
  EXPECT_EQ(error.what, "listen on [::]:80: bind: Address already in use");
}

TEST(UniqueFd, ClosesWhatItOwnsExactlyOnce) {
  const int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    UniqueFd first(raw);
    const UniqueFd second(std::move(first));
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that is the promise
    EXPECT_GE(::fcntl(raw, F_GETFD), 0);
  }
  EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
}

TEST(NowAndThen, SaysTheFirstTimeAndThenHowOften) {
  NowAndThen failures;
  const Instant begin{std::chrono::hours(1)};
  EXPECT_EQ(failures.count(begin), 1U);
  for (int i = 1; i < 100; ++i) {
    EXPECT_FALSE(failures.count(begin + i * std::chrono::milliseconds(100)));
  }
  EXPECT_EQ(failures.count(begin + std::chrono::seconds(10)), 100U);
  EXPECT_FALSE(failures.count(begin + std::chrono::seconds(19)));
}

TEST(GrowingPause, DoublesToTheLongestAndBeginsAnewWhenItHasWorked) {
  using std::chrono::seconds;
  GrowingPause pause(seconds(2), seconds(10));
  EXPECT_EQ(pause.last(), seconds(0));
  for (const int expected : {2, 4, 8, 10, 10}) EXPECT_EQ(pause.next(), seconds(expected));
  EXPECT_EQ(pause.last(), seconds(10));
  pause.reset();
  EXPECT_EQ(pause.last(), seconds(0));
  EXPECT_EQ(pause.next(), seconds(2));
}

TEST(ParseNumber, TakesAllOrNothing) {
  EXPECT_EQ(parse_number<int>("42"), 42);
  EXPECT_EQ(parse_number<int>("-7"), -7);
  for (const char* bad : {"", " 1", "1 ", "+1", "0x1", "1.5", "99999999999999999999"}) {
    EXPECT_FALSE(parse_number<int>(bad)) << bad;
  }
  EXPECT_FALSE(parse_number<uint32_t>("-1"));
}

TEST(Nearest, FindsTyposAndLeavesStrangersAlone) {
  constexpr std::string_view kWords[] = {"workers", "listeners", "routes", "drain_timeout"};
  EXPECT_EQ(nearest("worker", kWords), "workers");
  EXPECT_EQ(nearest("wrokers", kWords), "workers");
  EXPECT_EQ(nearest("drain_timout", kWords), "drain_timeout");
  EXPECT_FALSE(nearest("colour", kWords));
  EXPECT_FALSE(nearest("x", kWords));
}

TEST(Log, OneEventIsOneLine) {
  EXPECT_EQ(log::format("worker-exited", {{"slot", 3}, {"signal", "SEGV"}}),
            "worker-exited slot=3 signal=SEGV");
  EXPECT_EQ(log::format("x", {{"why", "a \"b\"\nc\x1b"}}), "x why=\"a \\\"b\\\"\\nc?\"");
  EXPECT_EQ(log::format("x", {{"empty", ""}}), "x empty=\"\"");
}

}  // namespace
}  // namespace sockherd
