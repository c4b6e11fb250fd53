// AccessFile: lines of the access log on a file, a FIFO, a terminal, a pipe or a socket.
//
// Several workers append to one file, and their lines do not mix: a write to a file with O_APPEND
// is one piece (inode lock), and to anything else we write no more than PIPE_BUF at once, whole
// lines (pipe(7)). A line that a full disk has cut is ended before the next one begins.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "daemon/base/unique_fd.h"
#include "daemon/worker/access_sink.h"

namespace sockherd::worker {

class AccessFile final : public AccessSink {
 public:
  // where: "stdout" or a path; a file that is not there is made, 0640 but for the umask.
  static Result<std::unique_ptr<AccessSink>> open(const AccessTarget& target);

  bool has_room() const override { return used_ < kEnough; }
  void put(const AccessRecord& record, Duration boot) override;
  Written flush(const WaitForRoom& wait_for_room) override;
  Result<void> reopen() override;

 private:
  // A system call costs as much as some ten lines; what is beyond this costs memory.
  static constexpr size_t kEnough = size_t{32} * 1024;

  enum class Kind : uint8_t { Regular, Stream, Socket };
  struct Opened {
    UniqueFd fd;
    Kind kind = Kind::Regular;
  };

  AccessFile(const AccessTarget& target, Opened opened, Colours colours);
  static Result<Opened> open_target(const std::string& where);
  size_t next_piece(size_t from) const;
  long write_some(size_t from, size_t bytes) const;

  std::string where_;
  Opened opened_;
  AccessFormat format_;
  std::unique_ptr<char[]> text_;
  size_t used_ = 0;
  bool is_torn_ = false;  // the last byte that was written is no line feed
};

}  // namespace sockherd::worker
