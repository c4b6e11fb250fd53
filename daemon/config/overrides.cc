#include "daemon/config/overrides.h"

#include <algorithm>

#include "daemon/config/options.h"

namespace sockherd::config {
namespace {

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (;;) {
    const size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + separator.size());
  }
}

// The option that a path of keys names, if there is one.
const Option* option_at(const std::vector<std::string>& keys) {
  for (const SectionInfo& section : sections()) {
    const bool named = section.section == Section::Listener || section.section == Section::Pool;
    if (section.name == keys.front() && keys.size() == (named ? 3U : 2U))
      return find_option(section.section, keys.back());
  }
  return nullptr;
}

bool wants_text(Type type) {
  return type == Type::Text || type == Type::Choice || type == Type::Path ||
         type == Type::Address || type == Type::BusUrl || type == Type::AccessMode;
}

void set_place(Node& node, const Place& place) {
  node.place = place;
  for (Node& item : node.items) set_place(item, place);
  for (Entry& entry : node.entries) {
    entry.place = place;
    set_place(entry.value, place);
  }
}

Node value_node(const Override& setting, const Option* option) {
  std::optional<Node> value = parse_value(setting.value);
  const bool plain_text =
      !value || (option != nullptr && wants_text(option->type) && value->kind != Kind::Text);
  if (plain_text) {
    value = Node{};
    value->kind = Kind::Text;
    value->text = setting.value;
  }
  set_place(*value, {setting.source, 0, 0});
  return std::move(*value);
}

Node& descend(Node& table, const std::string& key, const Place& place) {
  if (Entry* entry = table.find(key)) return entry->value;
  table.entries.push_back({key, place, {}});
  table.entries.back().value.place = place;
  return table.entries.back().value;
}

}  // namespace

void apply(const Override& setting, Node& root) {
  const Place place{setting.source, 0, 0};
  const std::vector<std::string> keys = split(setting.key, ".");
  Node* table = &root;
  for (const std::string& key : keys) {
    if (table->kind != Kind::Table) return;  // the file is at fault there, and told so
    table = &descend(*table, key, place);
  }
  *table = value_node(setting, option_at(keys));
}

std::vector<Override> overrides_from_environment(const char* const* environment) {
  constexpr std::string_view kPrefix = "SOCKHERD_";
  std::vector<Override> overrides;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const size_t equals = variable.find('=');
    if (!variable.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    std::string name(variable.substr(kPrefix.size(), equals - kPrefix.size()));
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const std::vector<std::string> keys = split(name, "__");
    const bool has_empty =
        std::any_of(keys.begin(), keys.end(), [](const std::string& key) { return key.empty(); });
    if (keys.size() < 2 || has_empty) continue;
    std::string path = keys[0];
    for (size_t i = 1; i < keys.size(); ++i) path += "." + keys[i];
    overrides.push_back({"environment", path, std::string(variable.substr(equals + 1))});
  }
  return overrides;
}

}  // namespace sockherd::config
