// OpenFile: a regular file as it was when it was looked at: in memory if it is short, else open.
//
// Shared, since the cache of files and every answer that is being sent from it hold it as long as
// they need it (FilePart in handler.h). Never changed once it is made.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>

#include "daemon/base/unique_fd.h"

namespace sockherd::worker {

struct OpenFile {
  UniqueFd fd;                // empty where all of it is in memory
  std::string content;        // all of it, where it is in memory
  bool is_in_memory = false;  // an empty file is
  struct stat status {};

  uint64_t size() const { return static_cast<uint64_t>(status.st_size); }
};

}  // namespace sockherd::worker
