#include "daemon/config/assign.h"

#include <algorithm>
#include <cmath>

#include "daemon/base/nearest.h"
#include "daemon/base/parse.h"
#include "daemon/config/address.h"
#include "daemon/config/answers.h"
#include "daemon/config/bus_url.h"
#include "daemon/config/commands.h"
#include "daemon/config/option_text.h"
#include "daemon/config/units.h"

namespace sockherd::config {
namespace {

// A value as the user wrote it, near enough: "\"2h\"", "5000".
std::string literal(const Node& node) {
  constexpr size_t kLongest = 60;
  if (node.kind == Kind::Integer) return std::to_string(node.integer);
  if (node.kind == Kind::Float) {
    std::string text = std::to_string(node.number);
    while (text.ends_with('0') && !text.ends_with(".0")) text.pop_back();
    return text;
  }
  if (node.text.size() <= kLongest) return quote(node.text);
  return quote(node.text.substr(0, kLongest)) + "...";
}

bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::vector<std::string_view> split_choices(std::string_view text) {
  std::vector<std::string_view> choices;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(", "), text.size());
    choices.push_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 2, text.size()));
  }
  return choices;
}

// "expected a whole number, found the string \"4\"" and, where the quotes are all that is wrong,
// the remedy.
std::string mismatch(Type type, const Node& node) {
  const bool wants_number = type == Type::Integer || type == Type::Workers;
  std::string what = "expected " + std::string(expectation(type)) + ", found " + describe(node);
  if (node.kind != Kind::Text) return what;
  if (wants_number && parse_number<int64_t>(node.text)) return what + "; leave the quotes away";
  if (type == Type::Boolean && (node.text == "true" || node.text == "false"))
    return what + "; leave the quotes away";
  if (type == Type::TextList || type == Type::AddressList)
    return what + "; write [" + literal(node) + "]";
  return what;
}

// Seconds as milliseconds; saturated, the bounds refuse that then.
int64_t milliseconds_of(double seconds) {
  constexpr double kLimit = 9e15;
  const double milliseconds = std::clamp(seconds * 1000, -kLimit, kLimit);
  return std::isnan(seconds) ? -1 : std::llround(milliseconds);
}

std::optional<int64_t> duration_of(const Node& node) {
  if (node.kind == Kind::Integer) return milliseconds_of(static_cast<double>(node.integer));
  if (node.kind == Kind::Float) return milliseconds_of(node.number);
  if (node.kind != Kind::Text) return std::nullopt;
  const auto duration = parse_duration(node.text);
  return duration ? std::optional(duration->count()) : std::nullopt;
}

std::optional<int64_t> size_of(const Node& node) {
  if (node.kind == Kind::Integer) return node.integer;
  return node.kind == Kind::Text ? parse_size(node.text) : std::nullopt;
}

// The number that `node` stands for in this option; nothing if it is of another type.
std::optional<int64_t> number_of(Type type, const Node& node) {
  if (type == Type::Duration) return duration_of(node);
  if (type == Type::Size) return size_of(node);
  if (type == Type::AccessMode)
    return node.kind == Kind::Text ? parse_access_mode(node.text) : std::nullopt;
  if (type == Type::Workers && node.kind == Kind::Text && node.text == "auto") return 0;
  return node.kind == Kind::Integer ? std::optional(node.integer) : std::nullopt;
}

// One assignment: what assign() was called with, so that each type is a short function.
struct Assignment {
  const Option& option;
  const Node& node;
  const std::string& path;
  Report& report;

  void fault(std::string_view what) const { report.add(node.place, path, what); }
  void mismatched() const { fault(mismatch(option.type, node)); }

  void store(const Field& field) const {
    if (auto* const* text = std::get_if<std::string*>(&field)) store_text(**text);
    if (auto* const* number = std::get_if<int64_t*>(&field)) store_number(**number);
    if (auto* const* flag = std::get_if<bool*>(&field)) store_flag(**flag);
    if (auto* const* time = std::get_if<Milliseconds*>(&field)) store_time(**time);
    if (auto* const* list = std::get_if<std::vector<std::string>*>(&field)) store_list(**list);
    if (auto* const* table = std::get_if<std::vector<NamedText>*>(&field)) store_table(**table);
  }

  void store_flag(bool& into) const {
    if (node.kind != Kind::Boolean) return mismatched();
    into = node.boolean;
  }

  void store_time(Milliseconds& into) const {
    int64_t count = into.count();
    store_number(count);
    into = Milliseconds(count);
  }

  void store_number(int64_t& into) const {
    const std::optional<int64_t> number = number_of(option.type, node);
    if (!number) return mismatched();
    const bool automatic = option.type == Type::Workers && node.kind == Kind::Text;
    if (!automatic && (*number < option.min || *number > option.max))
      return fault("must be " + format_bounds(option) + ", is " + literal(node));
    into = *number;
  }

  void store_text(std::string& into) const {
    if (node.kind != Kind::Text) return mismatched();
    // An empty text stands for "not set" where that is the default.
    const bool unset = node.text.empty() && option.fallback == "\"\"";
    const std::string wrong = unset ? "" : text_fault(node.text);
    if (!wrong.empty()) return fault(wrong);
    into = node.text;
  }

  // What is wrong with one text of this option; empty if nothing is.
  std::string text_fault(std::string_view text) const {
    if (has_control_characters(text)) return "holds a control character";
    if (option.type == Type::Path && !text.starts_with('/'))
      return "expected " + std::string(expectation(Type::Path)) + ", found " + literal(node);
    if (option.type == Type::Choice) return choice_fault(text);
    if (option.type == Type::BusUrl) {
      const Result<BusUrl> url = parse_bus_url(text);
      return url.ok() ? "" : quote(redacted(text)) + ": " + url.error().what;
    }
    if (option.type == Type::Upstreams) return upstream_fault(text);
    if (option.type != Type::Address && option.type != Type::AddressList)
      return text.empty() ? "must not be empty" : "";
    const Result<std::string> address = canonical_address(text);
    return address.ok() ? "" : quote(text) + ": " + address.error().what;
  }

  std::string choice_fault(std::string_view text) const {
    const std::vector<std::string_view> choices = split_choices(option.choices);
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) return "";
    return "unknown value " + quote(text) + did_you_mean(text, choices) +
           "; known: " + std::string(option.choices);
  }

  void store_list(std::vector<std::string>& into) const {
    const bool may_be_one = option.type == Type::FileNames || option.type == Type::Upstreams;
    if (may_be_one && node.kind == Kind::Text) return store_name(into);
    if (node.kind != Kind::List) return mismatched();
    std::vector<std::string> list;
    for (size_t i = 0; i < node.items.size(); ++i) {
      const Node& item = node.items[i];
      const std::string item_path = path + "[" + std::to_string(i) + "]";
      report.set_place(item_path, item.place);
      const std::string wrong = item_fault(item);
      if (!wrong.empty()) report.add(item_path, wrong);
      list.push_back(item.text);
    }
    into = std::move(list);
  }

  void store_table(std::vector<NamedText>& into) const {
    constexpr size_t kMostBytes = 1536;  // two of these, and ours, are at most a head
    if (node.kind != Kind::Table) return mismatched();
    std::vector<NamedText> table;
    size_t bytes = 0;
    for (const Entry& entry : node.entries) {
      const std::string entry_path = path + "." + quote(entry.key);
      report.set_place(entry_path, entry.value.place);
      const std::string wrong = entry_fault(entry);
      if (!wrong.empty()) report.add(entry_path, wrong);
      table.push_back({entry.key, text_of(entry.value)});
      bytes += entry.key.size() + entry.value.text.size() + 4;
    }
    if (option.type == Type::Headers && bytes > kMostBytes)
      return fault("has more than 1536 bytes of fields; shorten or remove some");
    into = std::move(table);
  }

  // A flag is its word.
  static std::string text_of(const Node& value) {
    return value.kind == Kind::Boolean ? (value.boolean ? "true" : "false") : value.text;
  }

  std::string entry_fault(const Entry& entry) const {
    if (option.type == Type::Ready) return ready_fault(entry.key, text_of(entry.value));
    if (entry.value.kind != Kind::Text) return "expected a string, found " + describe(entry.value);
    return option.type == Type::Headers ? header_fault(entry.key, entry.value.text)
                                        : error_page_fault(entry.key, entry.value.text);
  }

  // One name without the brackets of a list.
  void store_name(std::vector<std::string>& into) const {
    const std::string wrong = item_fault(node);
    if (!wrong.empty()) return fault(wrong);
    into = {node.text};
  }

  std::string item_fault(const Node& item) const {
    if (item.kind != Kind::Text) return "expected a string, found " + describe(item);
    if (option.type == Type::Environment) return variable_fault(item.text);
    if (option.type == Type::FileNames && item.text.find('/') != std::string::npos)
      return "is a file name within the directory; remove the \"/\"";
    // Only a program's further arguments may be empty.
    const bool may_be_empty =
        option.name == "command" && node.kind == Kind::List && &item != &node.items.front();
    return item.text.empty() && may_be_empty ? "" : text_fault(item.text);
  }

  static std::string variable_fault(std::string_view text) {
    constexpr std::string_view kNameCharacters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    if (equals == std::string_view::npos || name.empty() ||
        name.find_first_not_of(kNameCharacters) != std::string_view::npos)
      return "expected \"NAME=value\", found " + quote(text);
    if (text.find('\0') != std::string_view::npos) return "holds a NUL character";
    for (const std::string_view ours : {"LISTEN_", "SOCKHERD_", "NOTIFY_SOCKET", "WATCHDOG_"})
      if (name.starts_with(ours)) return std::string(name) + " is set by sockherd; remove it";
    return "";
  }
};

}  // namespace

void assign(const Option& option, const Object& object, const Node& node, const std::string& path,
            Report& report) {
  Assignment{option, node, path, report}.store(option.field(object));
}

std::string describe(const Node& node) {
  switch (node.kind) {
    case Kind::Boolean:
      return node.boolean ? "true" : "false";
    case Kind::Integer:
    case Kind::Float:
      return "the number " + literal(node);
    case Kind::Text:
      return "the string " + literal(node);
    case Kind::List:
      return "a list";
    case Kind::Table:
      return "a table";
    case Kind::Date:
      return "a date or time";
  }
  return "something else";
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  const auto near = nearest(word, known);
  return near ? " (did you mean " + quote(*near) + "?)" : "";
}

}  // namespace sockherd::config
