// OutputLines: makes lines of what a program writes. Pure.
//
// Holds what has come and is not taken yet: the caller decides how much that may be, since it is
// the one who reads. A line that is too long comes in pieces, cut between characters.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sockherd::supervisor {

// What a line of output is to be shown as.
struct OutputLine {
  int priority = 6;  // syslog(3): LOG_INFO
  std::string text;  // without control characters
};

class OutputLines {
 public:
  explicit OutputLines(size_t most_bytes) : most_bytes_(most_bytes) {}

  void add(std::string_view bytes) { bytes_ += bytes; }

  // The next line or piece, which stays until pop(). Nothing while there is no whole one.
  std::optional<OutputLine> front();
  void pop();

  // What is left is the last line, though it has no end: the writer is gone.
  void end() { has_ended_ = true; }

  // Bytes that have not been taken.
  size_t waiting() const { return bytes_.size() - taken_; }

  // Lets go of all whole lines that wait; how many those were.
  size_t drop();

 private:
  struct Piece {
    std::string_view text;  // without the line feed
    size_t bytes = 0;       // with it
    bool is_last = false;   // of its line
  };
  std::optional<Piece> piece() const;

  size_t most_bytes_;
  std::string bytes_;
  size_t taken_ = 0;
  bool is_inside_ = false;  // the piece at the front goes on with a line
  bool has_ended_ = false;
  int priority_ = 6;  // of that line
};

// The text as a log may show it: colours and the carriage return at its end are taken away, other
// control characters and what is no UTF-8 become "?". Tabs stay.
std::string shown_text(std::string_view text);

// Takes the "<N>" of sd-daemon(3) from the beginning of a line; nothing if there is none.
std::optional<int> take_priority(std::string_view& line);

// How many lines a worker may write: kRate a second, and kBurst at once.
class OutputBudget {
 public:
  static constexpr double kRate = 10'000;
  static constexpr double kBurst = 2'000;

  // seconds: of any clock that does not go back.
  bool take(double seconds);

 private:
  double tokens_ = kBurst;
  double since_ = 0;
};

}  // namespace sockherd::supervisor
