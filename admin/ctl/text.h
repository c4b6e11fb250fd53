// Text for people: tables, durations, colours. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sockherd::ctl {

enum class Colour : uint8_t { None, Green, Yellow, Red, Dim, Bold };

// Whether escape sequences may be written at all.
enum class Palette : uint8_t { Plain, Coloured };

struct Cell {
  Cell(std::string t, Colour c = Colour::None)  // NOLINT(google-explicit-constructor)
      : text(std::move(t)), colour(c) {}
  Cell(const char* t) : text(t) {}  // NOLINT(google-explicit-constructor)

  std::string text;
  Colour colour = Colour::None;
};

// `text` in that colour, or as it is.
std::string paint(std::string_view text, Colour colour, Palette palette);

// Columns two blanks apart, as wide as their widest cell; no blanks at the end of a line. Columns
// of which every cell but the heading is a number or "-" are aligned to the right.
std::string table(const std::vector<std::string>& headings,
                  const std::vector<std::vector<Cell>>& rows, Palette palette);

// The two largest units: "3d 4h", "5m 12s", "42s"; below ten seconds "0.4s" and "12ms".
std::string human_duration(double seconds);

// `text` without anything that could move the cursor of a terminal: control characters become "?".
std::string printable(std::string_view text);

// "a, b, c", or "-" for nothing.
std::string joined(const std::vector<std::string>& list, std::string_view separator = ", ");

// "1 worker", "2 workers".
std::string counted(uint64_t count, std::string_view noun);

// `text` broken at blanks so that no line is longer than `width`; every line begins with `indent`.
std::string wrapped(std::string_view text, size_t indent, size_t width = 80);

}  // namespace sockherd::ctl
