#include "daemon/contract/message.h"

#include <algorithm>
#include <utility>

#include "daemon/base/parse.h"

namespace sockherd::contract {
namespace {

struct VerbName {
  Verb verb;
  std::string_view name;
};

constexpr VerbName kVerbs[] = {
    {Verb::Take, "take"},   {Verb::Drop, "drop"},       {Verb::Empty, "empty"},
    {Verb::Taken, "taken"}, {Verb::Dropped, "dropped"}, {Verb::Emptied, "emptied"},
    {Verb::Move, "move"},   {Verb::Give, "give"},       {Verb::Adopt, "adopt"},
    {Verb::Keep, "keep"},   {Verb::Reopen, "reopen"},   {Verb::Drain, "drain"},
};

std::string_view name_of(Verb verb) {
  return std::find_if(std::begin(kVerbs), std::end(kVerbs),
                      [verb](const VerbName& row) { return row.verb == verb; })
      ->name;
}

std::optional<Verb> find_verb(std::string_view name) {
  for (const VerbName& row : kVerbs)
    if (row.name == name) return row.verb;
  return std::nullopt;
}

// Takes the line that begins with `key` off the text: what stands behind it.
std::optional<std::string_view> take_line(std::string_view& text, std::string_view key) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(key)) return std::nullopt;
  const std::string_view value = text.substr(key.size(), end - key.size());
  text.remove_prefix(end + 1);
  return value;
}

}  // namespace

std::string encode(const Message& message) {
  std::string text = "VERB=";
  text += name_of(message.verb);
  text += "\nLISTENER=" + message.listener;
  text += "\nSLOT=" + std::to_string(message.slot) + "\n";
  return text;
}

std::optional<Message> parse(std::string_view packet) {
  std::string_view rest = packet;
  const auto verb_name = take_line(rest, "VERB=");
  if (!verb_name) return std::nullopt;
  const auto listener = take_line(rest, "LISTENER=");
  if (!listener || listener->empty()) return std::nullopt;
  const auto slot_text = take_line(rest, "SLOT=");
  if (!slot_text) return std::nullopt;
  const auto verb = find_verb(*verb_name);
  const auto slot = parse_number<uint32_t>(*slot_text);
  if (!verb || !slot) return std::nullopt;
  Message message{.verb = *verb, .listener = std::string(*listener), .slot = *slot};
  // One spelling a message: no leading zeros, nothing behind it.
  if (encode(message) != packet) return std::nullopt;
  return message;
}

}  // namespace sockherd::contract
