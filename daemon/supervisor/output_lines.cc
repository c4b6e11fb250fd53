#include "daemon/supervisor/output_lines.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "daemon/base/parse.h"
#include "daemon/supervisor/plain_text.h"

namespace sockherd::supervisor {
namespace {

constexpr char kEscape = '\x1b';

// The length of a sequence that sets colours ("ESC [ 1;31 m") at the beginning of `text`, or 0.
size_t colour_length(std::string_view text) {
  if (text.size() < 3 || text[0] != kEscape || text[1] != '[') return 0;
  const size_t end = text.find_first_not_of("0123456789;:", 2);
  return end != text.npos && text[end] == 'm' ? end + 1 : 0;
}

// Where `text` can be cut at or before `most`, so that no character is torn in two.
size_t cut_before(std::string_view text, size_t most) {
  constexpr size_t kMostContinued = 3;
  for (size_t back = 0; back <= kMostContinued && back < most; ++back) {
    if ((static_cast<uint8_t>(text[most - back]) & 0xC0) != 0x80) return most - back;
  }
  return most;
}

}  // namespace

std::optional<int> take_priority(std::string_view& line) {
  if (!line.starts_with('<')) return std::nullopt;
  const size_t end = line.substr(0, 5).find('>');
  if (end == line.npos) return std::nullopt;
  const auto number = parse_number<uint8_t>(line.substr(1, end - 1));
  constexpr uint8_t kMost = 191;  // the highest facility with the lowest priority
  if (!number || *number > kMost) return std::nullopt;
  line.remove_prefix(end + 1);
  return *number & 7;
}

std::string shown_text(std::string_view text) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  std::string plain;
  while (!text.empty()) {
    const size_t special = std::min(text.find_first_of("\x1b\t"), text.size());
    plain += plain_text(text.substr(0, special), special);
    text.remove_prefix(special);
    if (text.empty()) break;
    if (const size_t colour = colour_length(text); colour > 0) {
      text.remove_prefix(colour);
      continue;
    }
    plain += text[0] == '\t' ? '\t' : '?';
    text.remove_prefix(1);
  }
  return plain;
}

std::optional<OutputLines::Piece> OutputLines::piece() const {
  const std::string_view waiting = std::string_view(bytes_).substr(taken_);
  const size_t end = waiting.substr(0, most_bytes_ + 1).find('\n');
  if (end != waiting.npos) return Piece{waiting.substr(0, end), end + 1, true};
  if (waiting.size() > most_bytes_) {
    const size_t cut = cut_before(waiting, most_bytes_);
    return Piece{waiting.substr(0, cut), cut, false};
  }
  if (!has_ended_ || waiting.empty()) return std::nullopt;
  return Piece{waiting, waiting.size(), true};
}

std::optional<OutputLine> OutputLines::front() {
  const auto next = piece();
  if (!next) {
    bytes_.erase(0, std::exchange(taken_, 0));
    return std::nullopt;
  }
  std::string_view text = next->text;
  if (!is_inside_) priority_ = take_priority(text).value_or(OutputLine{}.priority);
  return OutputLine{priority_, shown_text(text)};
}

void OutputLines::pop() {
  const auto next = piece();
  if (!next) return;
  taken_ += next->bytes;
  is_inside_ = !next->is_last;
}

size_t OutputLines::drop() {
  const std::string_view waiting = std::string_view(bytes_).substr(taken_);
  const auto lines = static_cast<size_t>(std::count(waiting.begin(), waiting.end(), '\n'));
  const size_t end = waiting.rfind('\n');
  taken_ += end == waiting.npos ? 0 : end + 1;
  is_inside_ = is_inside_ && lines == 0;
  bytes_.erase(0, std::exchange(taken_, 0));
  return lines;
}

bool OutputBudget::take(double seconds) {
  tokens_ = std::min(kBurst, tokens_ + (seconds - std::max(since_, 0.0)) * kRate);
  since_ = seconds;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

}  // namespace sockherd::supervisor
