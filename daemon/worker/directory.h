// Directory: opens files below one directory, and nothing outside of it.
//
// The kernel resolves the path and holds the border (openat2(2) with RESOLVE_BENEATH): symbolic
// links that stay inside are followed, those that lead out, "..", and magic links of /proc are not,
// also when somebody renames directories meanwhile. Where there is no openat2 (seccomp filters,
// before Linux 5.6) the path is walked segment by segment and no symbolic link is followed.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"

namespace sockherd::worker {

enum class OpenFault : uint8_t {
  None,
  NotFound,   // not there, or outside, or neither a file nor a directory
  Forbidden,  // there, but not for us
  Exhausted,  // out of descriptors or memory
  Failed,     // a disk or network file system in trouble
};

struct OpenedFile {
  OpenFault fault = OpenFault::None;
  UniqueFd fd;         // open for reading; a directory or a regular file
  struct stat status;  // meaningful without a fault
};

class Directory {
 public:
  enum class Lookup : uint8_t { Kernel, Walk };

  static Result<Directory> open(const std::string& path);

  // For tests: with a given way of looking up.
  static Result<Directory> open(const std::string& path, Lookup lookup);

  // relative: without leading slash, not empty, without NUL, "." and ".." (http/path.h).
  // Never blocks on a FIFO, and hands out none, no device and no socket.
  OpenedFile open_file(const std::string& relative) const;

 private:
  Directory(UniqueFd fd, Lookup lookup) : fd_(std::move(fd)), lookup_(lookup) {}
  UniqueFd look_up(const std::string& relative) const;
  UniqueFd walk(const std::string& relative) const;

  UniqueFd fd_;
  Lookup lookup_;
};

}  // namespace sockherd::worker
