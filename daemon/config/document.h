// Document: a TOML text as a plain tree in which every key and value knows its place.
//
// The one folder border to toml++: nothing else includes it, so nothing else pays for it at compile
// time, and the schema works on plain data. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/fault.h"

namespace sockherd::config {

enum class Kind : uint8_t { Boolean, Integer, Float, Text, List, Table, Date };

struct Entry;

struct Node {
  Kind kind = Kind::Table;
  Place place;
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;
  std::string text;
  std::vector<Node> items;     // of a list
  std::vector<Entry> entries;  // of a table, in the order of the text

  const Entry* find(std::string_view key) const;
  Entry* find(std::string_view key);
};

struct Entry {
  std::string key;
  Place place;  // of the key
  Node value;
};

struct Document {
  Node root;
  std::optional<Fault> fault;  // the first error of syntax; the root is empty then
};

// file: the name for messages.
Document parse_document(std::string_view text, std::string_view file);

// One TOML value, as it may stand behind "key ="; nothing if `text` is not exactly one.
std::optional<Node> parse_value(std::string_view text);

}  // namespace sockherd::config
