// JSON in: the content of a request against the members that its endpoint knows.
//
// Strict, and every fault of a text in one go: malformed JSON with the offset, unknown and repeated
// members, wrong types, numbers out of bounds with the bounds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "admin/api/problem.h"

namespace sockherd::api {

// A member that an endpoint takes; numbers are all that any of them needs.
struct NumberMember {
  std::string_view name;
  int64_t least;
  int64_t most;
};

using Numbers = std::map<std::string, int64_t, std::less<>>;

// The members of `content`, all of which are required; or the problem to answer with. Empty content
// counts as {}.
std::variant<Numbers, Problem> read_numbers(std::string_view content,
                                            std::span<const NumberMember> members);

}  // namespace sockherd::api
