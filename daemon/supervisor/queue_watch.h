// QueueWatch: whether anybody accepts from a queue, judged by looks at its length. Pure.
//
// Of a program that is not ours nothing else can be seen. A queue that has become shorter says that
// somebody accepts. One that has not says little as long as connections come: they may come as fast
// as they go. So after a quarter of the limit those that wait are noted; if all of them still wait
// at half of it, the worker is said to stall, and gets no new ones while it has siblings. Its queue
// grows no more then, and if it is not shorter at the limit, nobody accepts. Where there is no
// sibling, connections go on coming: then those that were noted are asked for once more. In doubt
// it stalls, which costs little and makes the rest certain, and does not hang.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "daemon/base/instant.h"

namespace sockherd::supervisor {

class QueueWatch {
 public:
  struct Sight {
    uint64_t length = 0;    // of all queues of the worker
    bool gets_more = true;  // new connections are steered to it
  };
  enum class Verdict : uint8_t { Flows, Doubtful, Stalls, Hangs };
  // Whether the worker has accepted one of those that waited when it became doubtful. Perhaps: some
  // are gone, but they may have waited for others.
  enum class Moved : uint8_t { No, Perhaps, Yes };

  // limit: how long it may accept nothing; 0 = for ever.
  // has_moved: asked only where that decides.
  Verdict look(const Sight& sight, Instant now, Duration limit,
               const std::function<Moved()>& has_moved);

  Verdict last_verdict() const { return verdict_; }

 private:
  Verdict judge(Instant now, Duration limit, const std::function<Moved()>& has_moved);

  std::optional<uint64_t> last_;
  Instant looked_at_;
  Instant moved_at_;   // the last progress that we know of
  Instant masked_at_;  // it gets no more since
  bool is_masked_ = false;
  Verdict verdict_ = Verdict::Flows;
};

}  // namespace sockherd::supervisor
