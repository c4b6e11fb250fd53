// Any order of events keeps the invariants (Herd checks them after each), with the supervisor dying
// in the middle of anything; and whatever has happened, the fleet finds back to as many ready
// workers as are wanted once the trouble ends.
#include <random>

#include "tests/unit/daemon/fleet/herd.h"

namespace sockherd::fleet {
namespace {

constexpr int kSteps = 500;

class Chaos {
 public:
  explicit Chaos(uint32_t seed) : herd_(seed), random_(seed) {}

  void run() {
    spec_ = any_spec();
    herd_.start(spec_);
    for (int step = 0; step < kSteps; ++step) {
      if (herd_.start_failed > 0) return stop();
      const char* what = act();
      if (testing::Test::HasFailure()) FAIL() << "step " << step << ": " << what;
    }
    recover();
    if (!testing::Test::HasFailure()) stop();
  }

 private:
  uint32_t below(size_t n) { return static_cast<uint32_t>(random_() % n); }
  template <typename T>
  T one_of(std::initializer_list<T> all) {
    return *std::next(all.begin(), below(all.size()));
  }

  PoolSpec any_pool(const std::string& name) {
    PoolSpec pool = pool_spec(name, 1 + below(5), 4 + below(4));
    pool.workers = std::min(pool.workers, pool.max_workers);
    pool.listeners = one_of<std::vector<std::string>>({{"a"}, {"b"}, {"a", "b"}});
    pool.has_own_address = below(4) == 0;
    if (pool.has_own_address) pool.listeners.clear();
    pool.can_lend = !pool.has_own_address && below(3) > 0;
    pool.batch = below(4);
    pool.max_surge = one_of({0U, 1U, 2U, 1024U});
    pool.max_unavailable = below(3);
    pool.ready_for = one_of({Duration{0}, Duration{0}, Duration{milliseconds(1500)}});
    pool.max_failures = 1 + below(3);
    pool.max_generations = 1 + below(4);
    pool.max_age = one_of({Duration{0}, Duration{seconds(30)}});
    pool.restart_delay = one_of({Duration{0}, Duration{milliseconds(100)}});
    return pool;
  }
  Spec any_spec() {
    Spec spec{.generation = ++generation_, .pools = {any_pool("web")}};
    if (below(2) == 0) spec.pools.push_back(any_pool("api"));
    if (below(12) == 0) spec.pools.erase(spec.pools.begin());
    if (spec.pools.empty()) spec.pools.push_back(any_pool("third"));
    for (PoolSpec& pool : spec.pools) {
      for (const PoolSpec& other : spec.pools) {
        const bool asks = !pool.has_own_address && other.has_own_address && below(3) > 0;
        if (asks) pool.asks.push_back(other.name);
      }
    }
    return spec;
  }
  std::string any_name() { return one_of<std::string>({"web", "web", "web", "api", "third"}); }
  WorkerId any_worker() {
    if (herd_.processes.empty() || below(30) == 0) return 999'999;
    return std::next(herd_.processes.begin(), below(herd_.processes.size()))->first;
  }

  const char* act() {
    switch (below(24)) {
      case 0:
        herd_.on(Scale{any_name(), below(9)});
        return "scale";
      case 1:
        return reload();
      case 2:
        herd_.on(Restart{next_ticket_++, any_name(),
                         below(2) == 0 ? std::optional(below(4)) : std::nullopt});
        return "restart";
      case 3:
      case 4:
        herd_.exit(any_worker(), one_of({ExitKind::Signal, ExitKind::Status, ExitKind::NotStarted,
                                         ExitKind::Unknown}));
        return "exit";
      case 5:
      case 6:
      case 7:
      case 8:
        herd_.on(WorkerReady{any_worker()});
        return "ready";
      case 9:
        herd_.on(WorkerQuiet{any_worker()});
        return "quiet";
      case 10:
        herd_.quiet_all();
        return "all quiet";
      case 11:
      case 12:
        herd_.drained_exit();
        return "all drained exit";
      case 13:
      case 14:
        herd_.live_through(milliseconds(below(3000)));
        return "time";
      case 15:
        herd_.live_through(seconds(below(30)));
        return "much time";
      case 16:
        herd_.pass(milliseconds(below(5000)));
        return "a late tick";
      case 17:
        herd_.on(WorkerStopping{any_worker()});
        return "stopping";
      case 18:
        if (below(2) == 0) {
          herd_.on(WorkerStalls{any_worker(), one_of({Flow::Stands, Flow::Goes})});
          return "stalls";
        }
        herd_.on(WorkerHung{any_worker(), "test", one_of({HangReason::Loop, HangReason::Queue})});
        return "hung";
      case 19:
        herd_.on(WorkerWorn{any_worker(), "test"});
        return "worn";
      case 20:
        herd_.on(WorkerExtends{any_worker(), seconds(below(40))});
        return "extends";
      case 21:
        return below(3) == 0 ? die() : "nothing";
      default:
        herd_.all_ready();
        return "all ready";
    }
  }

  const char* reload() {
    const Spec spec = any_spec();
    const uint64_t ticket = next_ticket_++;
    if (herd_.fleet.refusal(Reload{}) == Refusal::None) planned_[ticket] = spec;
    herd_.on(Reload{ticket, spec});
    note_conclusions();
    return "reload";
  }

  // What is in force now.
  void note_conclusions() {
    for (const Conclude& end : herd_.concluded) {
      const auto plan = planned_.find(end.ticket);
      if (plan == planned_.end()) continue;
      if (end.ok) spec_ = plan->second;
      planned_.erase(plan);
    }
  }

  // The supervisor is killed, perhaps with some workers; its successor may have another file.
  const char* die() {
    note_conclusions();
    planned_.clear();
    const bool is_stale = below(2) == 0;
    if (is_stale && below(2) == 0) {
      spec_ = any_spec();
    } else {
      spec_.generation = ++generation_;
    }
    while (below(3) == 0 && !herd_.processes.empty()) herd_.ended(any_worker());
    herd_.now = herd_.now + milliseconds(below(4000));
    herd_.succeed(spec_, is_stale);
    return "successor";
  }

  void recover() {
    for (int i = 0; i < 40; ++i) {
      herd_.live_through(seconds(40));
      herd_.all_ready();
      herd_.drained_exit();
      for (const auto& [id, process] : ImaginedHands(herd_).processes) {
        herd_.on(WorkerStalls{id, Flow::Goes});
      }
      if (i > 20) herd_.settle();  // before that nobody says that it is quiet
      if (testing::Test::HasFailure()) return;
    }
    herd_.settle();
    herd_.live_through(seconds(10));  // nobody is on probation any more
    herd_.settle();
    if (herd_.start_failed > 0) return;
    EXPECT_EQ(herd_.started_up, 1);
    EXPECT_FALSE(herd_.fleet.is_rolling());
    EXPECT_TRUE(herd_.loans.empty());
    for (const auto& [name, pool] : herd_.fleet.pools()) {
      EXPECT_FALSE(pool.provisional) << name;
      if (pool.removed) {
        EXPECT_TRUE(may_be_asked(pool)) << name;
        continue;
      }
      size_t workers = 0;
      size_t linger = 0;
      for (const auto& [id, w] : herd_.fleet.workers()) {
        workers += w.pool == name && !w.lingers ? 1 : 0;
        linger += w.pool == name && w.lingers ? 1 : 0;
      }
      EXPECT_TRUE(linger == 0 || may_be_asked(pool)) << name;
      // One may be on its way to replace an old one.
      EXPECT_LE(workers, pool.desired + (pool.spec.max_age > Duration{0} ? 1U : 0U)) << name;
      EXPECT_EQ(herd_.served(name).size(), pool.desired + linger) << name;
    }
  }

  // After an upgrade or a way back that failed there are workers of other configurations.
  bool may_be_asked(const Pool& pool) const {
    const auto& workers = herd_.fleet.workers();
    return std::any_of(workers.begin(), workers.end(), [&](const auto& w) {
      return std::count(w.second.asks.begin(), w.second.asks.end(), pool.spec.name) > 0;
    });
  }

  void stop() {
    herd_.on(Stop{});
    for (int step = 0; step < 20; ++step) {
      if (step == 10 && below(2) == 0) herd_.on(StopNow{});
      const char* what = act();
      if (testing::Test::HasFailure()) FAIL() << "step " << step << " after the stop: " << what;
      if (!herd_.fleet.is_stopping()) herd_.on(Stop{});  // a successor
    }
    for (int i = 0; i < 5; ++i) {
      herd_.quiet_all();
      herd_.live_through(seconds(60));
      herd_.drained_exit();
    }
    EXPECT_EQ(herd_.finished, 1);
    EXPECT_FALSE(herd_.fleet.next_deadline());
  }

  Herd herd_;
  std::mt19937 random_;
  Spec spec_;
  uint32_t generation_ = 0;
  uint64_t next_ticket_ = 1;
  std::map<uint64_t, Spec> planned_;
};

// Each of them plays a number of lives.
class FleetRandom : public testing::TestWithParam<uint32_t> {};

TEST_P(FleetRandom, KeepsTheInvariantsAndRecovers) {
  constexpr uint32_t kLives = 15;
  for (uint32_t life = 0; life < kLives && !HasFailure(); ++life) {
    const uint32_t seed = GetParam() * kLives + life;
    SCOPED_TRACE("seed " + std::to_string(seed));
    Chaos(seed).run();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FleetRandom, testing::Range(0U, 20U));

}  // namespace
}  // namespace sockherd::fleet
