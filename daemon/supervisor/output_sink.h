// OutputSink: where lines of programs go: to where our own log goes. In the journal each is an
// entry with the fields of its worker; elsewhere it is a line on standard error with the worker's
// name in front ("api/3 | listening").
//
// Never waits: who would have to is told to come back later.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/supervisor/output_lines.h"
#include "daemon/sys/journal_socket.h"

namespace sockherd::supervisor {

// Whose lines they are.
struct OutputSource {
  std::string pool;
  uint32_t slot = 0;
  uint32_t generation = 0;
  pid_t pid = 0;
};

class OutputSink {
 public:
  // What all lines of a worker have in common.
  struct Tag {
    explicit Tag(const OutputSource& source);
    std::string fields;  // of the journal
    std::string prefix;
  };
  enum class Taken : uint8_t { Yes, Later };

  // journal: nothing = standard error. error_fd: borrowed.
  explicit OutputSink(std::optional<sys::JournalSocket> journal, int error_fd = 2)
      : journal_(std::move(journal)), error_fd_(error_fd) {}
  static OutputSink of_our_log();

  // Longer lines are to be split: a pipe takes 4096 bytes whole or not at all (pipe(7)).
  size_t most_line_bytes(const Tag& tag) const;

  Taken write(const Tag& tag, const OutputLine& line) const;

 private:
  Taken write_error(const Tag& tag, const OutputLine& line) const;

  std::optional<sys::JournalSocket> journal_;
  int error_fd_;
};

}  // namespace sockherd::supervisor
