#include "daemon/contract/lane.h"

#include "daemon/base/parse.h"
#include "daemon/contract/names.h"

namespace sockherd::contract {
namespace {

// Takes the number before the next dot off the text.
std::optional<uint32_t> take_number(std::string_view& text) {
  const size_t end = text.find('.');
  if (end == std::string_view::npos) return std::nullopt;
  const auto number = parse_number<uint32_t>(text.substr(0, end));
  text.remove_prefix(end + 1);
  return number;
}

}  // namespace

std::string name_of(const Lane& lane, uint32_t slot) {
  if (lane.lane == 0 && lane.number == slot) return lane.listener;
  return kLaneFdPrefix + std::to_string(lane.lane) + "." + std::to_string(lane.number) + "." +
         lane.listener;
}

std::optional<Lane> parse_lane(std::string_view name, uint32_t slot) {
  constexpr std::string_view kPrefix = kLaneFdPrefix;
  if (!name.starts_with(kPrefix)) return Lane{.number = slot, .listener = std::string(name)};
  std::string_view rest = name.substr(kPrefix.size());
  const auto lane = take_number(rest);
  const auto number = take_number(rest);
  if (!lane || !number || rest.empty()) return std::nullopt;
  return Lane{.lane = *lane, .number = *number, .listener = std::string(rest)};
}

}  // namespace sockherd::contract
