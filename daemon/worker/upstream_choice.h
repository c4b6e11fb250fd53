// UpstreamChoice: whom a lane asks next, of those who stand in an UpstreamFile.
//
// The less loaded of two random ones, by what all lanes together have in flight there; those that
// fail are left out for a while (ejection), and who has just come gets less than its share (slow
// start). The last one that is left is always asked. docs/adr/0018 says why.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/base/instant.h"
#include "daemon/contract/upstream_file.h"
#include "daemon/worker/upstream_settings.h"
#include "daemon/worker/upstream_target.h"

namespace sockherd::worker {

class UpstreamChoice {
 public:
  // lane: our column in the file. settings outlive this.
  UpstreamChoice(contract::UpstreamFile file, uint32_t lane, const UpstreamSettings& settings,
                 uint64_t seed);

  // One who serves, not more often than max_in_flight allows; it is counted there until release().
  // avoid: is asked only if there is nobody else. Null: nobody is free.
  UpstreamTarget* claim(Instant now, const UpstreamTarget* avoid);
  void release(const UpstreamTarget& target) const { file_.release(target.place(), lane_); }

  // It has answered something; or it has not, or only half. Returns whether it is left out by that.
  void note_success(const UpstreamTarget& target, Instant now) const;
  bool note_failure(const UpstreamTarget& target, Instant now) const;

  // An ejected one has shown that it is well.
  void restore(const UpstreamTarget& target, Instant now) const;
  bool is_ejected(const UpstreamTarget& target, Instant now) const;

  // Looks who is there, and says what has been counted.
  void refresh(Instant now);

  // Those that serve.
  const std::vector<UpstreamTarget*>& serving() const { return serving_; }
  bool has_idle() const;

  const contract::UpstreamFile& file() const { return file_; }
  uint32_t lane() const { return lane_; }
  uint64_t random();

 private:
  UpstreamTarget* try_claim(Instant now, const UpstreamTarget* avoid);
  UpstreamTarget* claim_any(Instant now, const UpstreamTarget* avoid, bool with_ejected);
  UpstreamTarget* claim_of_two(Instant now, const UpstreamTarget* avoid);
  bool take(UpstreamTarget& target);
  double share_of(const UpstreamTarget& target, Instant now) const;
  bool gives_way(const UpstreamTarget& target, const UpstreamTarget& other, Instant now);
  void look_at(uint32_t place);

  contract::UpstreamFile file_;
  uint32_t lane_;
  const UpstreamSettings& settings_;
  uint64_t random_;
  std::vector<std::unique_ptr<UpstreamTarget>> targets_;  // by place
  std::vector<UpstreamTarget*> serving_;
  Instant refreshed_at_{Duration::min()};
  bool is_stale_ = false;  // somebody was not there any more
};

}  // namespace sockherd::worker
