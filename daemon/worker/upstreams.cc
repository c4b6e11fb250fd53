#include "daemon/worker/upstreams.h"

#include <cstring>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/sys/address.h"
#include "daemon/sys/random.h"

namespace sockherd::worker {

using stats::Count;

namespace {

constexpr Duration kBetweenWarnings = std::chrono::seconds(10);

}  // namespace

Upstreams::Upstreams(io::Loop& loop, stats::Counters& counters, UpstreamShare share)
    : loop_(loop),
      counters_(counters),
      memory_(std::move(share.memory)),
      settings_(std::move(share.settings)) {}

Upstreams::~Upstreams() = default;

Result<std::unique_ptr<Upstreams>> Upstreams::create(io::Loop& loop, stats::Counters& counters,
                                                     UpstreamShare share, uint32_t process,
                                                     uint32_t lane) {
  const contract::UpstreamFile file = TRY(contract::UpstreamFile::attach(share.memory.bytes()));
  const auto column = file.join(process, lane);
  if (!column) {
    return Error{0, "more than " + std::to_string(contract::kUpstreamLanes) +
                        " threads ask the same upstreams; lower threads or workers"};
  }
  UniqueFd bell = std::move(share.bell);
  std::unique_ptr<Upstreams> made(new Upstreams(loop, counters, std::move(share)));
  made->choice_ =
      std::make_unique<UpstreamChoice>(file, *column, made->settings_, sys::random_number());
  made->queue_ = std::make_unique<UpstreamQueue>(loop, counters, *made->choice_, made->settings_,
                                                 std::move(bell));
  return made;
}

UpstreamTarget* Upstreams::claim(const UpstreamTarget* avoid) {
  need_upkeep();
  if (queue_->size() > 0) return nullptr;
  return choice_->claim(loop_.now(), avoid);
}

void Upstreams::note_failure(const UpstreamTarget& target) {
  counters_.add(Count::UpstreamFailures);
  if (choice_->note_failure(target, loop_.now())) counters_.add(Count::UpstreamEjections);
}

Upstreams::Connected Upstreams::connect(UpstreamTarget& target, Kind kind, UpstreamUser& user) {
  if (kind == Kind::Any) {
    Connected kept{.connection = target.take_idle(user), .was_kept = true};
    if (kept.connection != nullptr) {
      counters_.add(Count::UpstreamReuses);
      return kept;
    }
  }
  counters_.add(Count::UpstreamConnects);
  auto opened =
      UpstreamConnection::open(loop_, target.tenant().address, target.tenant().tenant, user);
  if (!opened.ok()) return {.connection = nullptr, .error = opened.error().code};
  return {.connection = std::move(opened).value()};
}

void Upstreams::keep(UpstreamTarget& target, std::unique_ptr<UpstreamConnection> connection) {
  target.keep(std::move(connection), loop_.now() + settings_.idle_timeout,
              settings_.idle_connections);
}

void Upstreams::note_unreachable(const UpstreamTarget& target, int error) {
  ++untold_;
  if (told_at_ != Instant{} && loop_.now() - told_at_ < kBetweenWarnings) return;
  told_at_ = loop_.now();
  const std::string_view bytes = target.tenant().address;
  const auto address = sys::SocketAddress::of_bytes(bytes.data(), bytes.size());
  log::warn("upstream-unreachable", {{"address", address ? address->text() : "unknown"},
                                     {"error", std::strerror(error)},
                                     {"requests", std::exchange(untold_, 0)}});
}

// --- Upkeep

void Upstreams::on_due(Instant now) {
  choice_->refresh(now);
  std::erase_if(probes_, [](const auto& each) { return each->is_over(); });
  bool is_any_ejected = false;
  for (UpstreamTarget* target : choice_->serving()) {
    if (!choice_->is_ejected(*target, now)) continue;
    is_any_ejected = true;
    probe(*target, now);
  }
  if (is_any_ejected || !probes_.empty() || choice_->has_idle()) need_upkeep();
}

// One lane of all.
void Upstreams::probe(UpstreamTarget& target, Instant now) {
  if (settings_.probe_interval <= Duration::zero()) return;
  std::atomic<int64_t>& probed_at = choice_->file().place(target.place()).probed_at;
  int64_t last = probed_at.load();
  const int64_t time = now.since_boot.count();
  if (time - last < settings_.probe_interval.count()) return;
  if (!probed_at.compare_exchange_strong(last, time)) return;
  counters_.add(Count::UpstreamProbes);
  const Duration longest = std::max<Duration>(settings_.connect_timeout, kUpkeep);
  probes_.push_back(
      std::make_unique<UpstreamProbe>(loop_, target.tenant(), settings_.probe, longest,
                                      [this, place = &target, tenant = target.tenant().tenant] {
                                        if (place->tenant().tenant == tenant)
                                          choice_->restore(*place, loop_.now());
                                      }));
}

}  // namespace sockherd::worker
