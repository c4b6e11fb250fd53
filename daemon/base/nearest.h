// "did you mean": the candidate nearest to a mistyped word.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace sockherd {

// The candidate with the smallest Damerau-Levenshtein distance to `word`, if that distance is at
// most a third of the word's length (at least 1, at most 3); nothing if none is that near.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

}  // namespace sockherd
