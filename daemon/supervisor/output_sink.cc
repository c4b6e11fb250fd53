#include "daemon/supervisor/output_sink.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "daemon/base/log.h"
#include "daemon/contract/names.h"

namespace sockherd::supervisor {
namespace {

constexpr size_t kMostJournalBytes = 8192;
constexpr size_t kMostPrefixBytes = 256;  // of the name of a pool, the rest of a line

std::string field(const char* name, const std::string& value) {
  return std::string(name) + "=" + value + "\n";
}

}  // namespace

// OBJECT_PID has the journal add what it knows of the process (systemd.journal-fields(7)).
OutputSink::Tag::Tag(const OutputSource& source)
    : fields(field("SYSLOG_IDENTIFIER", source.pool) + field(contract::kPoolVariable, source.pool) +
             field(contract::kSlotVariable, std::to_string(source.slot)) +
             field(contract::kGenerationVariable, std::to_string(source.generation)) +
             field("SYSLOG_PID", std::to_string(source.pid)) +
             field("OBJECT_PID", std::to_string(source.pid))),
      prefix(source.pool.substr(0, kMostPrefixBytes) + "/" + std::to_string(source.slot) + " | ") {}

OutputSink OutputSink::of_our_log() {
  if (!log::is_to_journal()) return OutputSink(std::nullopt);
  auto journal = sys::JournalSocket::create();
  return OutputSink(journal.ok() ? std::optional(std::move(journal).value()) : std::nullopt);
}

size_t OutputSink::most_line_bytes(const Tag& tag) const {
  constexpr size_t kPriorityAndEnd = sizeof "<6>\n" - 1;
  return journal_ ? kMostJournalBytes : PIPE_BUF - tag.prefix.size() - kPriorityAndEnd;
}

OutputSink::Taken OutputSink::write(const Tag& tag, const OutputLine& line) const {
  if (!journal_) return write_error(tag, line);
  if (line.text.empty()) return Taken::Yes;  // as journald does with output
  const auto sent = journal_->send(field("MESSAGE", line.text) +
                                   field("PRIORITY", std::to_string(line.priority)) + tag.fields);
  if (sent.ok()) return Taken::Yes;
  const int code = sent.error().code;
  if (code == EAGAIN || code == ENOBUFS) return Taken::Later;
  return write_error(tag, line);  // there is none, though our standard error leads to one
}

OutputSink::Taken OutputSink::write_error(const Tag& tag, const OutputLine& line) const {
  pollfd room{.fd = error_fd_, .events = POLLOUT, .revents = 0};
  if (::poll(&room, 1, 0) == 0) return Taken::Later;
  std::string text = journal_ ? "<" + std::to_string(line.priority) + ">" : "";
  text += tag.prefix + line.text + "\n";
  // One write a line, so that lines of several processes do not mix. When standard error itself
  // fails there is nobody to tell.
  const ssize_t written = ::write(error_fd_, text.data(), text.size());
  return written < 0 && errno == EAGAIN ? Taken::Later : Taken::Yes;
}

}  // namespace sockherd::supervisor
