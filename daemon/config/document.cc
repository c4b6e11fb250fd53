#include "daemon/config/document.h"

#include <algorithm>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
#include <toml++/toml.h>

namespace sockherd::config {
namespace {

Place place_of(const toml::source_region& region, std::string_view file) {
  return {std::string(file), region.begin.line, region.begin.column};
}

Node convert(const toml::node& node, std::string_view file);

void convert_table(const toml::table& table, std::string_view file, Node& into) {
  into.kind = Kind::Table;
  for (const auto& [key, value] : table) {
    Entry entry{std::string(key.str()), place_of(key.source(), file), convert(value, file)};
    into.entries.push_back(std::move(entry));
  }
  // toml++ sorts by name; people read and want pools in the order of the file.
  std::stable_sort(into.entries.begin(), into.entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
  });
}

Node convert(const toml::node& node, std::string_view file) {
  Node into;
  into.place = place_of(node.source(), file);
  into.kind = Kind::Date;
  if (const auto* table = node.as_table()) {
    convert_table(*table, file, into);
  } else if (const auto* array = node.as_array()) {
    into.kind = Kind::List;
    for (const toml::node& item : *array) into.items.push_back(convert(item, file));
  } else if (const auto* text = node.as_string()) {
    into.kind = Kind::Text;
    into.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    into.kind = Kind::Integer;
    into.integer = integer->get();
  } else if (const auto* number = node.as_floating_point()) {
    into.kind = Kind::Float;
    into.number = number->get();
  } else if (const auto* boolean = node.as_boolean()) {
    into.kind = Kind::Boolean;
    into.boolean = boolean->get();
  }
  return into;
}

}  // namespace

const Entry* Node::find(std::string_view key) const {
  const auto at = std::find_if(entries.begin(), entries.end(),
                               [key](const Entry& entry) { return entry.key == key; });
  return at == entries.end() ? nullptr : &*at;
}

Entry* Node::find(std::string_view key) {
  const auto at = std::find_if(entries.begin(), entries.end(),
                               [key](const Entry& entry) { return entry.key == key; });
  return at == entries.end() ? nullptr : &*at;
}

Document parse_document(std::string_view text, std::string_view file) {
  const toml::parse_result result = toml::parse(text, file);
  Document document;
  if (!result) {
    const Place place = place_of(result.error().source(), file);
    document.fault = Fault{place.source, place.line, place.column,
                           "syntax: " + std::string(result.error().description())};
    return document;
  }
  document.root = convert(result.table(), file);
  return document;
}

std::optional<Node> parse_value(std::string_view text) {
  Document document = parse_document("value = " + std::string(text), "");
  // More than one key: the text had a line break and went on.
  if (document.fault || document.root.entries.size() != 1) return std::nullopt;
  return std::move(document.root.entries[0].value);
}

}  // namespace sockherd::config
