#include "daemon/worker/upstream_choice.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace sockherd::worker {
namespace {

using contract::UpstreamFile;
using contract::UpstreamState;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{seconds(1000)};

class Choice : public ::testing::Test {
 protected:
  uint32_t settle(UpstreamState state = UpstreamState::Serving, Instant now = Instant{}) {
    return *file_.settle(0, "an address", state, now.since_boot.count());
  }
  UpstreamChoice choice() { return UpstreamChoice(file_, 0, settings_, 42); }

  // How often each place gets one of `count` requests that take no time.
  std::map<uint32_t, int> shares(UpstreamChoice& choice, Instant now, int count = 1000) {
    std::map<uint32_t, int> shares;
    for (int i = 0; i < count; ++i) {
      UpstreamTarget* target = choice.claim(now, nullptr);
      if (target == nullptr) continue;
      ++shares[target->place()];
      choice.release(*target);
    }
    return shares;
  }
  void eject(UpstreamChoice& choice, uint32_t place, Instant now) {
    for (uint32_t i = 0; i < settings_.eject_failures; ++i) {
      choice.note_failure(target_of(choice, place), now);
    }
  }
  static UpstreamTarget& target_of(UpstreamChoice& choice, uint32_t place) {
    for (UpstreamTarget* target : choice.serving()) {
      if (target->place() == place) return *target;
    }
    ADD_FAILURE() << "place " << place << " does not serve";
    return *choice.serving().front();
  }

  std::vector<std::byte> memory_ = std::vector<std::byte>(UpstreamFile::kBytes + 4096);
  UpstreamFile file_ = UpstreamFile::format(aligned());
  uint32_t lane_ = *file_.join(1, 0);
  uint32_t other_lane_ = *file_.join(2, 0);
  UpstreamSettings settings_{.slow_start = Duration::zero()};

 private:
  std::span<std::byte> aligned() {
    const auto at = reinterpret_cast<uintptr_t>(memory_.data());
    return std::span(memory_).subspan((4096 - at % 4096) % 4096);
  }
};

TEST_F(Choice, AsksNobodyWhereNobodyServes) {
  settle(UpstreamState::Starting);
  UpstreamChoice choice = this->choice();
  EXPECT_EQ(choice.claim(kStart, nullptr), nullptr);
}

TEST_F(Choice, AsksAllEquallyOften) {
  for (int i = 0; i < 4; ++i) settle();
  UpstreamChoice choice = this->choice();
  const auto shares = this->shares(choice, kStart);
  ASSERT_EQ(shares.size(), 4u);
  for (const auto& [place, share] : shares) EXPECT_NEAR(share, 250, 100) << place;
}

TEST_F(Choice, AsksTheLessLoadedOfTwo) {
  const uint32_t busy = settle();
  const uint32_t idle = settle();
  UpstreamChoice choice = this->choice();
  choice.refresh(kStart);
  const uint32_t tenant = file_.tenant(busy).tenant;
  ASSERT_TRUE(file_.claim(busy, tenant, other_lane_, 0));  // by another process
  EXPECT_EQ(shares(choice, kStart), (std::map<uint32_t, int>{{idle, 1000}}));
}

TEST_F(Choice, LooksAtAllWhereBothOfTwoAreFull) {
  settings_.max_in_flight = 1;
  for (int i = 0; i < 8; ++i) settle();
  UpstreamChoice choice = this->choice();
  std::map<uint32_t, int> taken;
  for (int i = 0; i < 8; ++i) {
    UpstreamTarget* target = choice.claim(kStart, nullptr);
    ASSERT_NE(target, nullptr);
    ++taken[target->place()];
  }
  EXPECT_EQ(taken.size(), 8u);
  EXPECT_EQ(choice.claim(kStart, nullptr), nullptr);
  for (uint32_t place = 0; place < 8; ++place) EXPECT_EQ(file_.in_flight(place), 1u);
}

TEST_F(Choice, SeesAtOnceWhoLeaves) {
  const uint32_t leaving = settle();
  const uint32_t staying = settle();
  UpstreamChoice choice = this->choice();
  choice.refresh(kStart);
  file_.set_state(leaving, UpstreamState::Leaving, 0);
  EXPECT_EQ(shares(choice, kStart), (std::map<uint32_t, int>{{staying, 1000}}));
  EXPECT_EQ(file_.in_flight(leaving), 0u);
}

TEST_F(Choice, SeesSoonWhoComes) {
  settle();
  UpstreamChoice choice = this->choice();
  choice.refresh(kStart);
  settle();
  EXPECT_EQ(shares(choice, kStart + milliseconds(1)).size(), 1u);
  EXPECT_EQ(shares(choice, kStart + milliseconds(20)).size(), 2u);
}

TEST_F(Choice, AvoidsWhoHasJustFailedWhereThereIsAnother) {
  settle();
  settle();
  UpstreamChoice choice = this->choice();
  choice.refresh(kStart);
  UpstreamTarget& failed = target_of(choice, 0);
  for (int i = 0; i < 100; ++i) {
    UpstreamTarget* target = choice.claim(kStart, &failed);
    ASSERT_NE(target, nullptr);
    EXPECT_NE(target, &failed);
    choice.release(*target);
  }
  file_.set_state(1, UpstreamState::Leaving, 0);
  EXPECT_EQ(choice.claim(kStart, &failed), &failed);
}

TEST_F(Choice, LeavesOutWhoFailsAndDoublesTheTime) {
  settle();
  settle();
  UpstreamChoice choice = this->choice();
  choice.refresh(kStart);
  eject(choice, 0, kStart);
  EXPECT_EQ(shares(choice, kStart), (std::map<uint32_t, int>{{1, 1000}}));
  const Instant back = kStart + seconds(6);
  EXPECT_EQ(shares(choice, back).size(), 2u);
  EXPECT_TRUE(choice.note_failure(target_of(choice, 0), back)) << "one is enough now";
  EXPECT_TRUE(choice.is_ejected(target_of(choice, 0), back + seconds(9)));
  EXPECT_FALSE(choice.is_ejected(target_of(choice, 0), back + seconds(11)));
}

TEST_F(Choice, CountsAnewAfterASuccess) {
  settle();
  UpstreamChoice choice = this->choice();
  choice.refresh(kStart);
  UpstreamTarget& target = target_of(choice, 0);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(choice.note_failure(target, kStart));
    EXPECT_FALSE(choice.note_failure(target, kStart));
    choice.note_success(target, kStart);
  }
  eject(choice, 0, kStart);
  const Instant back = kStart + seconds(6);
  choice.note_success(target, back);
  eject(choice, 0, back);
  EXPECT_FALSE(choice.is_ejected(target, back + seconds(6))) << "not doubled";
}

TEST_F(Choice, AlwaysAsksTheLastOneThatIsLeft) {
  settle();
  settle();
  UpstreamChoice choice = this->choice();
  choice.refresh(kStart);
  eject(choice, 0, kStart);
  eject(choice, 1, kStart);
  EXPECT_EQ(shares(choice, kStart).size(), 2u);
}

TEST_F(Choice, WaitsForWhoIsBusyAndNotForWhoIsIll) {
  settings_.max_in_flight = 1;
  settle();
  settle();
  UpstreamChoice choice = this->choice();
  choice.refresh(kStart);
  eject(choice, 0, kStart);
  ASSERT_EQ(choice.claim(kStart, nullptr)->place(), 1u);
  EXPECT_EQ(choice.claim(kStart, nullptr), nullptr);
}

TEST_F(Choice, GivesWhoIsNewLessAtFirst) {
  settings_.slow_start = seconds(10);
  settle();
  settle(UpstreamState::Serving, kStart);
  UpstreamChoice choice = this->choice();
  const auto share_at = [&](Duration age) { return shares(choice, kStart + age, 2000)[1]; };
  EXPECT_NEAR(share_at(seconds(0)), 2000 / 32, 60);
  EXPECT_NEAR(share_at(seconds(5)), 500, 120);
  EXPECT_NEAR(share_at(seconds(10)), 1000, 200);
}

TEST_F(Choice, LooksAtTheLoadAloneWhereAllAreNew) {
  settings_.slow_start = seconds(10);
  const uint32_t busy = settle(UpstreamState::Serving, kStart);
  const uint32_t idle = settle(UpstreamState::Serving, kStart);
  UpstreamChoice choice = this->choice();
  choice.refresh(kStart);
  ASSERT_TRUE(file_.claim(busy, file_.tenant(busy).tenant, other_lane_, 0));
  EXPECT_EQ(shares(choice, kStart), (std::map<uint32_t, int>{{idle, 1000}}));
}

TEST_F(Choice, StartsSlowlyAgainWhereOneComesBack) {
  settings_.slow_start = seconds(10);
  settle();
  settle();
  UpstreamChoice choice = this->choice();
  choice.refresh(kStart);
  eject(choice, 1, kStart);
  choice.restore(target_of(choice, 1), kStart + seconds(1));
  EXPECT_FALSE(choice.is_ejected(target_of(choice, 1), kStart + seconds(1)));
  EXPECT_LT(shares(choice, kStart + seconds(1), 2000)[1], 200);
}

TEST_F(Choice, SaysWhatItHasCounted) {
  settle();
  UpstreamChoice choice = this->choice();
  shares(choice, kStart, 7);
  choice.refresh(kStart + seconds(1));
  EXPECT_EQ(file_.place(0).requests.load(), 7u);
}

}  // namespace
}  // namespace sockherd::worker
