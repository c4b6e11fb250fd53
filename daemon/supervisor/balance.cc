#include "daemon/supervisor/balance.h"

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/sys/handshakes.h"
#include "daemon/sys/listen_socket.h"

namespace sockherd::supervisor {
namespace {

constexpr char kLeastConnections[] = "least-connections";
constexpr char kCpu[] = "cpu";
constexpr char kHash[] = "hash";

// The program of a predecessor whose tables were lost goes within 16 ms (measured); what lasts
// longer is worth a word.
constexpr unsigned kFailuresToSay = 5;

constexpr uint32_t kTables = std::tuple_size_v<decltype(std::declval<sys::Balancer>().stored())>;

KeptName table_name(const std::string& listener, uint32_t number) {
  return {Kept::Balance, number, listener};
}

}  // namespace

// --- what it takes

void Balance::prepare(const std::string& mode) {
  if (mode != kLeastConnections || balancer_ || has_no_program_) return;
  auto made = make_balancer();
  if (made.ok()) {
    balancer_ = std::move(made).value();
    return;
  }
  has_no_program_ = true;
  reason_ = made.error().what;
  log::notice("balance-degraded", {{"listener", listener_},
                                   {"wanted", kLeastConnections},
                                   {"in_force", kHash},
                                   {"why", reason_}});
}

Result<sys::Balancer> Balance::make_balancer() {
  if (!inherited_.empty()) {
    auto adopted = sys::Balancer::adopt(std::exchange(inherited_, {}));
    if (adopted.ok()) return adopted;
    log::info("balance-begins-anew", {{"listener", listener_}, {"why", adopted.error().what}});
  }
  sys::Balancer made = TRY(sys::Balancer::create());
  const auto tables = made.stored();
  for (uint32_t i = 0; i < kTables; ++i) {
    store_.forget(table_name(listener_, i));  // the ones that did not fit
    store_.keep(table_name(listener_, i), tables[i]);
  }
  return made;
}

void Balance::release() {
  if (!balancer_ && inherited_.empty()) return;
  for (uint32_t i = 0; i < kTables; ++i) store_.forget(table_name(listener_, i));
  inherited_.clear();
  balancer_.reset();
  added_ = 0;
  served_.clear();
  is_attached_ = false;
}

bool Balance::want(const std::string& mode) {
  if (mode == wanted_) return false;
  wanted_ = mode;
  failures_ = 0;
  return true;
}

// --- who gets what

Result<void> Balance::steer(std::span<const UniqueFd> sockets, const std::vector<uint32_t>& slots,
                            size_t total) {
  const int member = sockets.front().get();
  if (wanted_ == kLeastConnections && balancer_ && !slots.empty()) {
    const auto steered = steer_by_load(sockets, slots);
    if (steered.ok()) {
      note_success();
      return {};
    }
    // One socket that was bound without SO_REUSEPORT has no group yet, and nobody to choose among.
    if (total > 1) note_failure(steered.error());
  }
  is_attached_ = false;
  const bool is_possible = wanted_ != kLeastConnections || balancer_;
  in_force_ = is_possible && (wanted_ == kCpu || total == 1) ? wanted_ : kHash;
  if (wanted_ != kLeastConnections) {
    reason_.clear();
    release();
  }
  if (total == 1 || slots.empty()) return sys::stop_steering(member);
  if (wanted_ == kCpu) return sys::steer_by_cpu(member, slots);
  if (slots.size() == total) return sys::stop_steering(member);
  return sys::steer_to(member, slots);
}

Result<void> Balance::steer_by_load(std::span<const UniqueFd> sockets,
                                    const std::vector<uint32_t>& slots) {
  for (; added_ < sockets.size(); ++added_) {
    TRY(balancer_->add(static_cast<uint32_t>(added_), sockets[added_].get()));
  }
  // Whoever served a slot before may have left what it had open there, and be dead.
  for (const uint32_t slot : slots) {
    if (served_.empty() || served_.contains(slot)) continue;
    balancer_->loads()[slot].open.store(0, std::memory_order_relaxed);
  }
  served_ = {slots.begin(), slots.end()};
  balancer_->serve(slots);
  if (is_attached_) return {};
  TRY(balancer_->attach(sockets.front().get()));
  is_attached_ = true;
  return {};
}

Result<void> Balance::aim(std::span<const UniqueFd> sockets, std::vector<uint32_t> slots,
                          sys::Aim aim) {
  if (slots.empty()) {
    slots.resize(sockets.size());
    std::iota(slots.begin(), slots.end(), 0U);
  }
  is_attached_ = false;
  return sys::steer_to_but(sockets.front().get(), slots, aim);
}

void Balance::note_success() {
  if (failures_ >= kFailuresToSay) log::notice("balance-restored", {{"listener", listener_}});
  failures_ = 0;
  in_force_ = kLeastConnections;
  reason_.clear();
}

void Balance::note_failure(const Error& error) {
  reason_ = error.what;
  if (++failures_ != kFailuresToSay) return;
  log::notice(
      "balance-degraded",
      {{"listener", listener_}, {"wanted", wanted_}, {"in_force", kHash}, {"why", reason_}});
}

bool Balance::is_retry_due() const {
  return failures_ > 0;
}

void Balance::forget_from(size_t slot) {
  added_ = std::min(added_, slot);
}

// --- drift

void Balance::settle(std::span<const UniqueFd> sockets, uint16_t port) {
  if (!is_attached_) return;
  const auto loads = balancer_->loads();
  std::vector<int64_t> before;
  bool is_doubtful = false;
  for (size_t slot = 0; slot < sockets.size(); ++slot) {
    before.push_back(loads[slot].under_way());
    is_doubtful |= before.back() != sys::accept_queue(sockets[slot].get()).length;
  }
  if (!is_doubtful) return;  // asking for the handshakes costs half a millisecond
  const auto handshakes = sys::handshakes_under_way(port);
  if (!handshakes.ok()) return;  // without it, only a wrong guess could be made
  for (uint32_t slot = 0; slot < sockets.size(); ++slot) {
    const sys::AcceptQueue queue = sys::accept_queue(sockets[slot].get());
    balancer_->settle(
        slot, before[slot],
        {.queued = queue.length, .handshakes = static_cast<uint32_t>(handshakes.value().size())});
  }
}

}  // namespace sockherd::supervisor
