// The log: one line an event, a fixed event name and facts.
//
//   log::warn("worker-exited", {{"slot", 3}, {"pid", 812}, {"signal", "SEGV"}});
//   → worker-exited slot=3 pid=812 signal=SEGV
//
// Goes to standard error: with the journal's <N> priority prefix where standard error is the
// journal (JOURNAL_STREAM, sd-daemon(3)), unless a sink sends it there with fields; else plain with
// the level in words. Only supervisor,
// worker, admin and the mains log, each failure once, where it is decided; everything below returns
// a Result. Any thread may write; level and observer are set before there is a second one.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace sockherd::log {

enum class Level : int { Error = 3, Warning = 4, Notice = 5, Info = 6, Debug = 7 };  // syslog(3)

struct Fact {
  template <typename Number>
  requires std::is_integral_v<Number> Fact(std::string_view k, Number number)
      : key(k), value(std::to_string(number)) {}
  Fact(std::string_view k, std::string_view text) : key(k), value(text) {}
  Fact(std::string_view k, const char* text) : key(k), value(text) {}
  Fact(std::string_view k, const std::string& text) : key(k), value(text) {}

  std::string_view key;
  std::string value;
};
using Facts = std::initializer_list<Fact>;

// "error", "warning", "notice", "debug"; Info for everything else.
Level level_named(std::string_view name);
std::string_view level_name(Level level);

// Lines below `level` are dropped. The default is Info.
void set_level(Level level);

// How many lines of `level` were written or dropped since the start (for the metrics).
uint64_t count(Level level);

// Whether standard error is the journal.
bool is_to_journal();

// Who sees every event besides standard error, whatever the level; nobody = none. It must not log.
using Observer =
    std::function<void(Level level, std::string_view event, std::span<const Fact> facts)>;
void set_observer(Observer observer);

// Who takes the lines that are written to the journal instead of standard error, with more than
// text can carry; nobody = none. Answers whether it has: a line that it has not goes the usual way.
// It must not log.
using JournalSink =
    std::function<bool(Level level, std::string_view event, std::span<const Fact> facts)>;
void set_journal_sink(JournalSink sink);

void write(Level level, std::string_view event, std::span<const Fact> facts);
inline void write(Level level, std::string_view event, Facts facts) {
  write(level, event, std::span(facts.begin(), facts.size()));
}

inline void error(std::string_view event, Facts facts = {}) {
  write(Level::Error, event, facts);
}
inline void warn(std::string_view event, Facts facts = {}) {
  write(Level::Warning, event, facts);
}
inline void notice(std::string_view event, Facts facts = {}) {
  write(Level::Notice, event, facts);
}
inline void info(std::string_view event, Facts facts = {}) {
  write(Level::Info, event, facts);
}
inline void debug(std::string_view event, Facts facts = {}) {
  write(Level::Debug, event, facts);
}

// The line as it is written, without prefix: values with blanks, quotes or control characters are
// quoted and escaped, so that one event is always one line.
std::string format(std::string_view event, std::span<const Fact> facts);
inline std::string format(std::string_view event, Facts facts) {
  return format(event, std::span(facts.begin(), facts.size()));
}

}  // namespace sockherd::log
