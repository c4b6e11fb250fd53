// FailureLog: one line of the log for each failure of a module, and no more than ten a second: what
// is beyond that is counted, and told with the next line. Pure but for the log itself.
#pragma once

#include <cstdint>
#include <string_view>

#include "daemon/base/instant.h"

namespace sockherd::module {

class FailureLog {
 public:
  static constexpr uint32_t kMostLines = 10;  // a second

  // where: the route, or what was called.
  void tell(Instant now, std::string_view module, std::string_view where, std::string_view what);

  uint64_t dropped() const { return dropped_; }  // since the last line

 private:
  Instant second_;
  uint32_t lines_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace sockherd::module
