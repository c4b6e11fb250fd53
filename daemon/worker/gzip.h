// Gzip: files compressed for one answer: short ones at once, others while they are sent.
//
// Bounded: a loop has at most kMost compressions under way, of about 300 KiB each, and each of them
// takes in at most one piece of its file a turn, so that a long file holds up nobody else.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/io/timer_wheel.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/open_file.h"

namespace sockherd::worker {

// What the compressions of one loop share.
class Gzip {
 public:
  static constexpr size_t kMost = 16;

  // Shorter files are sent as they are: head and content fill one packet anyway.
  static constexpr uint64_t kLeastBytes = 512;

  // Content that is `file`, compressed. Null where too many are under way, or there is no memory.
  // gzip: shared by the routes of a loop and by what is being sent.
  static std::unique_ptr<Source> compress(const std::shared_ptr<Gzip>& gzip,
                                          std::shared_ptr<const OpenFile> file, Exchange& exchange);

  size_t under_way() const { return under_way_; }

 private:
  friend class GzipSource;
  size_t under_way_ = 0;
};

// All of a short text. Nothing where there is no memory, or it would not become shorter.
std::optional<std::string> gzip_at_once(std::string_view text);

}  // namespace sockherd::worker
