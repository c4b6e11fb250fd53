// AccessSink: where the lines of the access log go: a file, standard output, the journal.
//
// Used by the writer's thread only. Nothing here blocks on a reader: descriptors are non-blocking
// where the kernel has that, and waiting for room is the caller's decision (WaitForRoom). What can
// not be written is lost, and said so.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/base/result.h"
#include "daemon/worker/access_format.h"
#include "daemon/worker/access_record.h"

namespace sockherd::worker {

struct AccessTarget {
  std::string where;  // "stdout", "journal", or the path of a file
  AccessStyle style = AccessStyle::Combined;
  std::string pool;
  uint32_t slot = 0;
};

class AccessSink {
 public:
  // Waits until the descriptor takes more, or, with kNoEvent, for a moment; false: do not go on.
  static constexpr int kNoEvent = -1;
  using WaitForRoom = std::function<bool(int fd)>;

  struct Written {
    uint64_t records = 0;
    uint64_t lost = 0;
    std::optional<Error> error;  // of the last ones that were lost
  };

  // Errors: the file or standard output can not be opened for writing; worded with its remedy.
  static Result<std::unique_ptr<AccessSink>> open(const AccessTarget& target);
  virtual ~AccessSink() = default;

  // Whether another record may be put.
  virtual bool has_room() const = 0;
  // Requires: has_room(). boot: see AccessFormat::write.
  virtual void put(const AccessRecord& record, Duration boot) = 0;
  // Writes all that was put.
  virtual Written flush(const WaitForRoom& wait_for_room) = 0;
  // Opens the file of that name anew. On an error the one before goes on.
  virtual Result<void> reopen() = 0;
};

}  // namespace sockherd::worker
