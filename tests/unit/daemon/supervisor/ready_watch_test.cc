#include "daemon/supervisor/ready_watch.h"

#include <gtest/gtest.h>

namespace sockherd::supervisor {
namespace {

using config::ReadyRule;
using std::chrono::milliseconds;
using Kind = ReadyRule::Kind;
using Reach = ReadyWatch::Reach;
using Step = ReadyWatch::Step;

constexpr Instant kBorn{std::chrono::seconds(1000)};

Instant after(int ms) {
  return kBorn + milliseconds(ms);
}

ReadyWatch watch(ReadyRule rule, Reach reach = Reach::None, bool is_speaker = false) {
  return {std::move(rule), reach, is_speaker, kBorn};
}

TEST(ReadyWatch, WithoutARuleItIsASecondOfLife) {
  for (const Reach reach : {Reach::None, Reach::Shared}) {
    const ReadyWatch seen = watch({.kind = Kind::Seen}, reach);
    EXPECT_EQ(seen.next(after(999)).step, Step::Wait);
    EXPECT_EQ(seen.next(after(999)).at, after(1000));
    EXPECT_EQ(seen.next(after(1000)).step, Step::Ready);
  }
}

TEST(ReadyWatch, WhoListensNeedsNotLiveThatLong) {
  ReadyWatch seen = watch({.kind = Kind::Seen}, Reach::Shared);
  seen.listens();
  EXPECT_EQ(seen.next(after(5)).step, Step::Ready);
}

// Found in review: one that was slow to bind was counted, and got connections, after a second.
TEST(ReadyWatch, WhoWillBeSeenToListenIsNotReadyBefore) {
  ReadyWatch seen = watch({.kind = Kind::Seen}, Reach::Shared);
  seen.will_listen();
  EXPECT_EQ(seen.next(after(100'000)).step, Step::Wait);
  EXPECT_EQ(seen.next(after(100'000)).at, std::nullopt);
  seen.listens();
  EXPECT_EQ(seen.next(after(100'000)).step, Step::Ready);
}

TEST(ReadyWatch, WhoSpeaksIsWaitedForAsLongAsItTakes) {
  for (const Reach reach : {Reach::None, Reach::Own, Reach::Shared}) {
    ReadyWatch seen = watch({.kind = Kind::Seen}, reach);
    seen.speaks();
    seen.listens();
    EXPECT_EQ(seen.next(after(100'000)).step, Step::Wait);
    EXPECT_EQ(seen.next(after(100'000)).at, std::nullopt);
    EXPECT_EQ(watch({.kind = Kind::Seen}, reach, true).next(after(100'000)).step, Step::Wait)
        << "its program has said READY=1 before";
  }
}

TEST(ReadyWatch, WhoSpeaksIsProbedWhereThatIsAskedFor) {
  ReadyWatch http = watch({.kind = Kind::Http, .path = "/"}, Reach::Shared, true);
  EXPECT_EQ(http.next(after(0)).step, Step::Probe);
  EXPECT_EQ(watch({.kind = Kind::Alive, .time = milliseconds(50)}, Reach::None, true)
                .next(after(50))
                .step,
            Step::Ready);
}

TEST(ReadyWatch, NotifyIsWaitedForAlone) {
  ReadyWatch notify = watch({.kind = Kind::Notify}, Reach::Own);
  notify.listens();
  EXPECT_EQ(notify.next(after(100'000)).step, Step::Wait);
}

TEST(ReadyWatch, AliveIsTheTimeOfTheRule) {
  const ReadyWatch alive = watch({.kind = Kind::Alive, .time = milliseconds(300)}, Reach::Own);
  EXPECT_EQ(alive.next(after(299)).at, after(300));
  EXPECT_EQ(alive.next(after(300)).step, Step::Ready);
}

TEST(ReadyWatch, AnAddressOfItsOwnIsProbedUntilItAnswers) {
  ReadyWatch seen = watch({.kind = Kind::Seen}, Reach::Own);
  EXPECT_EQ(seen.next(after(0)).step, Step::Probe);
  seen.probed(ProbeOutcome::Failed, after(0));
  EXPECT_EQ(seen.next(after(9)).at, after(10));
  EXPECT_EQ(seen.next(after(10)).step, Step::Probe);
  int at = 10;
  for (const int pause : {20, 40, 80, 160, 320, 320, 320}) {
    seen.probed(ProbeOutcome::Failed, after(at));
    EXPECT_EQ(seen.next(after(at)).at, after(at + pause));
    at += pause;
  }
  EXPECT_EQ(seen.next(after(60'000)).step, Step::Probe) << "a second of life is not enough";
  seen.probed(ProbeOutcome::Passed, after(60'000));
  EXPECT_EQ(seen.next(after(60'000)).step, Step::Ready);
}

TEST(ReadyWatch, AProbeThatAnotherWorkerTookIsTriedAgainSoon) {
  ReadyWatch http = watch({.kind = Kind::Http, .path = "/"}, Reach::Shared);
  for (int i = 0; i < 50; ++i) {
    http.probed(ProbeOutcome::Elsewhere, after(20 * i));
    EXPECT_EQ(http.next(after(20 * i)).at, after(20 * i + 20));
  }
}

TEST(ReadyWatch, AStrangerAtAnAddressOfItsOwnIsNotPestered) {
  ReadyWatch own = watch({.kind = Kind::Connect}, Reach::Own);
  int at = 0;
  for (const int pause : {10, 20, 40, 80, 160, 320, 320}) {
    own.probed(ProbeOutcome::Elsewhere, after(at));
    EXPECT_EQ(own.next(after(at)).at, after(at + pause));
    at += pause;
  }
}

TEST(ReadyWatch, AProbeThatCannotBeMadeIsASecondOfLife) {
  for (const Kind kind : {Kind::Http, Kind::Connect}) {
    EXPECT_EQ(watch({.kind = kind, .path = "/"}).next(after(999)).at, after(1000));
    ReadyWatch unsure = watch({.kind = kind, .path = "/"}, Reach::Shared);
    unsure.probed(ProbeOutcome::Unsure, after(20));
    EXPECT_EQ(unsure.next(after(20)).at, after(1000));
    EXPECT_EQ(unsure.next(after(1000)).step, Step::Ready);
  }
}

}  // namespace
}  // namespace sockherd::supervisor
