// Durations, sizes and access modes as people write them. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sockherd::config {

// "30s", "500ms", "2m", "1h30m", "1.5s": a sum of numbers with the units ms, s, m, h, d. Nothing
// for anything else, for a bare number, for fractions of a millisecond and beyond 290 years.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// The shortest text that parse_duration reads back: "30s", "1h30m", "0s".
std::string format_duration(std::chrono::milliseconds duration);

// "16KiB", "1MiB", "64B": a whole number with one of the units B, KiB, MiB, GiB, TiB.
std::optional<int64_t> parse_size(std::string_view text);

// With the largest unit that leaves a whole number: "16KiB", "1000B".
std::string format_size(int64_t bytes);

// "0660": three or four octal digits, as chmod(1) takes them.
std::optional<int64_t> parse_access_mode(std::string_view text);
std::string format_access_mode(int64_t mode);

}  // namespace sockherd::config
