#include "daemon/base/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace sockherd::log {
namespace {

struct Sink {
  Level level = Level::Info;
  bool journal = false;
  // Threads of a worker may write at the same time; the rest is set before they are there.
  std::array<std::atomic<uint64_t>, 8> counts{};
  Observer observer;
  JournalSink journal_sink;
};

// JOURNAL_STREAM holds "device:inode" of the journal's socket; it is inherited even where standard
// error was redirected since, so both numbers must match (systemd.exec(5)).
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat st {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &st) != 0) return false;
  return std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino) == stream;
}

Sink& sink() {
  static Sink instance{.journal = stderr_is_journal()};
  return instance;
}

std::string_view word(Level level) {
  switch (level) {
    case Level::Error:
      return "error: ";
    case Level::Warning:
      return "warning: ";
    case Level::Notice:
    case Level::Info:
      return "";
    case Level::Debug:
      return "debug: ";
  }
  return "";
}

void append_value(std::string& line, std::string_view value) {
  const auto is_plain = [](char c) { return c > ' ' && c != '"' && c != '\\' && c != 0x7f; };
  bool plain = !value.empty();
  for (const char c : value) plain = plain && is_plain(c);
  if (plain) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') line += '\\';
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      line += '?';
    } else {
      line += c;
    }
  }
  line += '"';
}

}  // namespace

Level level_named(std::string_view name) {
  if (name == "error") return Level::Error;
  if (name == "warning") return Level::Warning;
  if (name == "notice") return Level::Notice;
  return name == "debug" ? Level::Debug : Level::Info;
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::Error:
      return "error";
    case Level::Warning:
      return "warning";
    case Level::Notice:
      return "notice";
    case Level::Info:
      return "info";
    case Level::Debug:
      return "debug";
  }
  return "";
}

bool is_to_journal() {
  return sink().journal;
}

void set_level(Level level) {
  sink().level = level;
}

void set_observer(Observer observer) {
  sink().observer = std::move(observer);
}

void set_journal_sink(JournalSink journal_sink) {
  sink().journal_sink = std::move(journal_sink);
}

uint64_t count(Level level) {
  return sink().counts[static_cast<size_t>(level)].load(std::memory_order_relaxed);
}

std::string format(std::string_view event, std::span<const Fact> facts) {
  std::string line(event);
  for (const Fact& fact : facts) {
    line += ' ';
    line += fact.key;
    line += '=';
    append_value(line, fact.value);
  }
  return line;
}

void write(Level level, std::string_view event, std::span<const Fact> facts) {
  sink().counts[static_cast<size_t>(level)].fetch_add(1, std::memory_order_relaxed);
  if (sink().observer) sink().observer(level, event, facts);
  if (level > sink().level) return;
  if (sink().journal && sink().journal_sink && sink().journal_sink(level, event, facts)) return;
  std::string line;
  if (sink().journal) {
    line = "<" + std::to_string(static_cast<int>(level)) + ">";
  } else {
    line = word(level);
  }
  line += format(event, facts);
  line += '\n';
  // One write a line, so that lines of several processes do not mix. There is nobody to tell when
  // standard error itself fails.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace sockherd::log
