// ByText: a map by names, looked up without a copy of the name.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sockherd::rooms {

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

template <typename Value>
using ByText = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

}  // namespace sockherd::rooms
