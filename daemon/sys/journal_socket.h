// JournalSocket: entries with fields for the systemd journal, by its own protocol
// (systemd.io/JOURNAL_NATIVE_PROTOCOL) and not through sd_journal_sendv(3), which waits where the
// journal is behind: nobody here may wait for it.
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"

namespace sockherd::sys {

class JournalSocket {
 public:
  static constexpr const char* kPath = "/run/systemd/journal/socket";

  // The journal need not be there yet.
  static Result<JournalSocket> create(std::string path = kPath);

  // entry: "NAME=value" lines, no line feed in a value.
  // Errors: EAGAIN where the journal is behind; whatever says that it is not there.
  Result<void> send(std::string_view entry) const;

 private:
  JournalSocket(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  UniqueFd fd_;
  std::string path_;
};

}  // namespace sockherd::sys
