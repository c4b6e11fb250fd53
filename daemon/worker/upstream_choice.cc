#include "daemon/worker/upstream_choice.h"

#include <algorithm>
#include <utility>

namespace sockherd::worker {
namespace {

using contract::UpstreamPlace;
using contract::UpstreamState;

// How old what is known of the file may be. Who leaves is noticed at once (claim()); who comes,
// after this.
constexpr Duration kFresh = std::chrono::milliseconds(10);

// eject_time is doubled so often.
constexpr uint32_t kMostDoublings = 4;

int64_t ns(Instant at) {
  return at.since_boot.count();
}

}  // namespace

UpstreamChoice::UpstreamChoice(contract::UpstreamFile file, uint32_t lane,
                               const UpstreamSettings& settings, uint64_t seed)
    : file_(file), lane_(lane), settings_(settings), random_(seed) {}

// splitmix64.
uint64_t UpstreamChoice::random() {
  random_ += 0x9e3779b97f4a7c15;
  uint64_t mixed = random_;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31U);
}

// --- Who is there

void UpstreamChoice::look_at(uint32_t place) {
  if (place >= targets_.size()) targets_.resize(place + 1);
  std::unique_ptr<UpstreamTarget>& target = targets_[place];
  if (target == nullptr) target = std::make_unique<UpstreamTarget>(place);
  const UpstreamPlace& there = file_.place(place);
  const bool is_same =
      there.tenant.load(std::memory_order_acquire) == target->tenant().tenant &&
      there.state.load(std::memory_order_acquire) == static_cast<uint32_t>(target->tenant().state);
  if (!is_same) target->set_tenant(file_.tenant(place));
}

void UpstreamChoice::refresh(Instant now) {
  refreshed_at_ = now;
  is_stale_ = false;
  serving_.clear();
  const uint32_t places = file_.places();
  for (uint32_t place = 0; place < places; ++place) {
    look_at(place);
    if (targets_[place]->serves()) serving_.push_back(targets_[place].get());
  }
}

bool UpstreamChoice::has_idle() const {
  return std::any_of(targets_.begin(), targets_.end(),
                     [](const auto& target) { return target->idle() > 0; });
}

// --- Choosing

bool UpstreamChoice::take(UpstreamTarget& target) {
  if (file_.claim(target.place(), target.tenant().tenant, lane_, settings_.max_in_flight)) {
    // At once: who has the place may be gone, and another one there, before a later moment.
    file_.place(target.place()).requests.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  const UpstreamPlace& there = file_.place(target.place());
  is_stale_ |= there.tenant.load() != target.tenant().tenant ||
               there.state.load() != static_cast<uint32_t>(UpstreamState::Serving);
  return false;
}

bool UpstreamChoice::is_ejected(const UpstreamTarget& target, Instant now) const {
  return file_.place(target.place()).ejected_until.load(std::memory_order_relaxed) > ns(now);
}

// In the slow start: as much of its share as its age is of the whole.
double UpstreamChoice::share_of(const UpstreamTarget& target, Instant now) const {
  if (settings_.slow_start <= Duration::zero()) return 1;
  const int64_t back_since =
      file_.place(target.place()).ejected_until.load(std::memory_order_relaxed);
  const int64_t since = std::max(target.tenant().serving_since, back_since);
  const int64_t age = std::max<int64_t>(ns(now) - since, 0);
  if (age >= settings_.slow_start.count()) return 1;
  constexpr double kAtFirst = 1.0 / 16;  // otherwise nobody would ever see it work
  return std::max(kAtFirst,
                  static_cast<double>(age) / static_cast<double>(settings_.slow_start.count()));
}

// To one that is there for longer, and as often as its own share is short of that one's. Where all
// are new, none does: the load alone counts then.
bool UpstreamChoice::gives_way(const UpstreamTarget& target, const UpstreamTarget& other,
                               Instant now) {
  const double share = share_of(target, now);
  if (share >= 1) return false;
  const double others = share_of(other, now);
  constexpr double kRange = 1 << 24;
  return share < others &&
         static_cast<double>(random() & ((1U << 24U) - 1)) >= share / others * kRange;
}

// Both are in turn, whichever the random numbers name first: so there is no order among equals.
UpstreamTarget* UpstreamChoice::claim_of_two(Instant now, const UpstreamTarget* avoid) {
  const size_t count = serving_.size();
  const uint64_t number = random();
  const size_t first = static_cast<uint32_t>(number) % count;
  const size_t second = (first + 1 + (number >> 32U) % (count - 1)) % count;
  UpstreamTarget* better = serving_[first];
  UpstreamTarget* other = serving_[second];
  if (file_.in_flight(other->place()) < file_.in_flight(better->place())) std::swap(better, other);
  if (gives_way(*better, *other, now)) std::swap(better, other);
  for (UpstreamTarget* target : {better, other}) {
    if (target != avoid && !is_ejected(*target, now) && take(*target)) return target;
  }
  return nullptr;
}

UpstreamTarget* UpstreamChoice::claim_any(Instant now, const UpstreamTarget* avoid,
                                          bool with_ejected) {
  const size_t count = serving_.size();
  const size_t begin = random() % count;
  for (size_t i = 0; i < count; ++i) {
    UpstreamTarget* target = serving_[(begin + i) % count];
    if (target == avoid || is_ejected(*target, now) != with_ejected) continue;
    if (take(*target)) return target;
  }
  return nullptr;
}

UpstreamTarget* UpstreamChoice::try_claim(Instant now, const UpstreamTarget* avoid) {
  if (serving_.empty()) return nullptr;
  if (serving_.size() > 1) {
    if (UpstreamTarget* target = claim_of_two(now, avoid)) return target;
  }
  if (UpstreamTarget* target = claim_any(now, avoid, false)) return target;
  // Nobody is well: those that are not are better than nobody. But who is only busy is waited for.
  const auto is_well = [&](const UpstreamTarget* target) {
    return target != avoid && !is_ejected(*target, now);
  };
  if (std::any_of(serving_.begin(), serving_.end(), is_well)) return nullptr;
  if (UpstreamTarget* target = claim_any(now, avoid, true)) return target;
  return avoid == nullptr ? nullptr : try_claim(now, nullptr);
}

UpstreamTarget* UpstreamChoice::claim(Instant now, const UpstreamTarget* avoid) {
  if (refreshed_at_ + kFresh <= now || is_stale_) refresh(now);
  UpstreamTarget* target = try_claim(now, avoid);
  if (target != nullptr || !is_stale_) return target;
  refresh(now);
  return try_claim(now, avoid);
}

// --- Ejection

void UpstreamChoice::note_success(const UpstreamTarget& target, Instant now) const {
  UpstreamPlace& there = file_.place(target.place());
  if (there.failures.load(std::memory_order_relaxed) == 0 &&
      there.ejections.load(std::memory_order_relaxed) == 0) {
    return;
  }
  there.failures.store(0, std::memory_order_relaxed);
  if (!is_ejected(target, now)) there.ejections.store(0, std::memory_order_relaxed);
}

bool UpstreamChoice::note_failure(const UpstreamTarget& target, Instant now) const {
  UpstreamPlace& there = file_.place(target.place());
  there.failed.fetch_add(1, std::memory_order_relaxed);
  const uint32_t failures = there.failures.fetch_add(1, std::memory_order_relaxed) + 1;
  if (settings_.eject_failures == 0 || failures < settings_.eject_failures) return false;
  if (is_ejected(target, now)) return false;  // what was under way then fails too
  const uint32_t before = there.ejections.fetch_add(1, std::memory_order_relaxed);
  const Duration time = settings_.eject_time * (1U << std::min(before, kMostDoublings));
  there.ejected_until.store(ns(now + time), std::memory_order_relaxed);
  there.times_ejected.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void UpstreamChoice::restore(const UpstreamTarget& target, Instant now) const {
  UpstreamPlace& there = file_.place(target.place());
  if (there.ejected_until.load(std::memory_order_relaxed) <= ns(now)) return;
  there.ejected_until.store(ns(now), std::memory_order_relaxed);
}

}  // namespace sockherd::worker
