#include "daemon/supervisor/journal.h"

#include <vector>

#include "daemon/base/log.h"

namespace sockherd::supervisor {
namespace {

struct Line {
  const char* event;
  log::Level level;
};

Line line_of(fleet::What what) {
  switch (what) {
    case fleet::What::WorkerAdopted:
      return {"worker-adopted", log::Level::Info};
    case fleet::What::WorkerReady:
      return {"worker-ready", log::Level::Info};
    case fleet::What::WorkerExited:
      return {"worker-exited", log::Level::Info};
    case fleet::What::WorkerCrashed:
      return {"worker-crashed", log::Level::Warning};
    case fleet::What::WorkerHung:
      return {"worker-hung", log::Level::Warning};
    case fleet::What::WorkerWorn:
      return {"worker-worn", log::Level::Info};
    case fleet::What::WorkerForcedOut:
      return {"worker-forced-out", log::Level::Warning};
    case fleet::What::WorkerStartTimeout:
      return {"worker-start-timeout", log::Level::Warning};
    case fleet::What::WorkerDrainTimeout:
      return {"worker-drain-timeout", log::Level::Warning};
    case fleet::What::WorkerBackoff:
      return {"worker-backoff", log::Level::Info};
    case fleet::What::SlotLeaving:
      return {"slot-leaving", log::Level::Debug};
    case fleet::What::SlotLent:
      return {"slot-lent", log::Level::Info};
    case fleet::What::PoolScaled:
      return {"pool-scaled", log::Level::Info};
    case fleet::What::RolloutStarted:
      return {"rollout-started", log::Level::Info};
    case fleet::What::RolledBack:
      return {"rolled-back", log::Level::Warning};
    case fleet::What::UpgradeStarted:
      return {"upgrade-started", log::Level::Info};
    case fleet::What::UpgradeDone:
      return {"upgrade-done", log::Level::Info};
    case fleet::What::UpgradeFailed:
      return {"upgrade-failed", log::Level::Error};
  }
  return {"?", log::Level::Info};
}

}  // namespace

void log_transition(const fleet::Happened& happened, pid_t pid) {
  const Line line = line_of(happened.what);
  std::vector<log::Fact> facts;
  if (!happened.pool.empty()) facts.emplace_back("pool", happened.pool);
  if (happened.id != 0) facts.emplace_back("slot", happened.slot);
  facts.emplace_back("generation", happened.generation);
  if (pid != 0) facts.emplace_back("pid", pid);
  if (!happened.detail.empty()) facts.emplace_back("detail", happened.detail);
  log::write(line.level, line.event, facts);
}

}  // namespace sockherd::supervisor
