#include "daemon/supervisor/substitution.h"

#include <optional>

namespace sockherd::supervisor {
namespace {

constexpr std::string_view kFdPrefix = "fd:";

std::optional<std::string> unless_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

// word: without its braces.
std::optional<std::string> value_of(std::string_view word, const Marks& marks) {
  if (word == "slot") return std::to_string(marks.slot);
  if (word == "generation") return std::to_string(marks.generation);
  if (word == "pool") return marks.pool;
  if (word == "port") return unless_empty(marks.port);
  if (word == "socket") return unless_empty(marks.socket);
  if (!word.starts_with(kFdPrefix)) return std::nullopt;
  for (const auto& [listener, fd] : marks.fds) {
    if (word.substr(kFdPrefix.size()) == listener) return std::to_string(fd);
  }
  return std::nullopt;
}

}  // namespace

std::string substitute(std::string_view text, const Marks& marks) {
  std::string made;
  while (true) {
    const size_t open = text.find('{');
    made += text.substr(0, open);
    if (open == text.npos) return made;
    text.remove_prefix(open);
    if (text.starts_with("{{")) {
      made += '{';
      text.remove_prefix(2);
      continue;
    }
    const size_t end = text.find_first_of("{}", 1);
    const bool is_word = end != text.npos && text[end] == '}';
    const auto value = is_word ? value_of(text.substr(1, end - 1), marks) : std::nullopt;
    made += value ? *value : "{";
    text.remove_prefix(value ? end + 1 : 1);
  }
}

}  // namespace sockherd::supervisor
