#include "admin/ctl/text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace sockherd::ctl {
namespace {

std::string_view escape(Colour colour) {
  switch (colour) {
    case Colour::Green:
      return "\033[32m";
    case Colour::Yellow:
      return "\033[33m";
    case Colour::Red:
      return "\033[31m";
    case Colour::Dim:
      return "\033[2m";
    case Colour::Bold:
      return "\033[1m";
    case Colour::None:
      break;
  }
  return "";
}

// Columns that a text takes: its code points. Wide characters are not worth a table here.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

bool is_number(std::string_view text) {
  return text == "-" ||
         (!text.empty() && text.find_first_not_of("0123456789./") == std::string::npos);
}

bool is_number_column(const std::vector<std::vector<Cell>>& rows, size_t column) {
  return !rows.empty() && std::all_of(rows.begin(), rows.end(), [column](const auto& row) {
    return is_number(row[column].text);
  });
}

struct Column {
  size_t width = 0;
  bool to_the_right = false;
};

void append_line(std::string& out, const std::vector<Cell>& cells,
                 const std::vector<Column>& columns, Palette palette) {
  std::string line;
  size_t blanks = 0;  // owed before the next visible character
  for (size_t i = 0; i < cells.size(); ++i) {
    const size_t rest = columns[i].width - width_of(cells[i].text);
    if (columns[i].to_the_right) blanks += rest;
    if (!cells[i].text.empty()) {
      line.append(blanks, ' ');
      blanks = 0;
      line += paint(cells[i].text, cells[i].colour, palette);
    }
    blanks += columns[i].to_the_right ? 2 : rest + 2;
  }
  out += line + "\n";
}

}  // namespace

std::string paint(std::string_view text, Colour colour, Palette palette) {
  if (palette == Palette::Plain || colour == Colour::None) return std::string(text);
  return std::string(escape(colour)) + std::string(text) + "\033[0m";
}

std::string table(const std::vector<std::string>& headings,
                  const std::vector<std::vector<Cell>>& rows, Palette palette) {
  std::vector<Column> columns(headings.size());
  std::vector<Cell> heading_cells;
  for (size_t i = 0; i < headings.size(); ++i) {
    columns[i] = {width_of(headings[i]), is_number_column(rows, i)};
    for (const auto& row : rows)
      columns[i].width = std::max(columns[i].width, width_of(row[i].text));
    heading_cells.emplace_back(headings[i], Colour::Bold);
  }
  std::string out;
  append_line(out, heading_cells, columns, palette);
  for (const auto& row : rows) append_line(out, row, columns, palette);
  return out;
}

std::string human_duration(double seconds) {
  char text[48];
  if (!(seconds > 0)) return "0s";
  if (seconds < 0.0995) {
    std::snprintf(text, sizeof text, "%.0fms", seconds * 1000);
    return text;
  }
  if (seconds < 9.95) {
    std::snprintf(text, sizeof text, "%.1fs", seconds);
    return text;
  }
  const auto whole = static_cast<unsigned long long>(std::min(std::floor(seconds + 0.5), 1e15));
  const unsigned long long days = whole / 86400;
  const unsigned long long hours = whole / 3600 % 24;
  const unsigned long long minutes = whole / 60 % 60;
  if (days > 0)
    std::snprintf(text, sizeof text, "%llud %lluh", days, hours);
  else if (hours > 0)
    std::snprintf(text, sizeof text, "%lluh %llum", hours, minutes);
  else if (minutes > 0)
    std::snprintf(text, sizeof text, "%llum %llus", minutes, whole % 60);
  else
    std::snprintf(text, sizeof text, "%llus", whole);
  return text;
}

std::string printable(std::string_view text) {
  std::string clean(text);
  for (char& c : clean)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  // U+0080 to U+009F, the other control characters, are 0xc2 0x80 to 0xc2 0x9f.
  for (size_t i = 0; i + 1 < clean.size(); ++i)
    if (clean[i] == '\xc2' && static_cast<unsigned char>(clean[i + 1]) < 0xa0)
      clean.replace(i, 2, "?");
  return clean;
}

std::string joined(const std::vector<std::string>& list, std::string_view separator) {
  std::string text;
  for (const std::string& item : list) {
    if (!text.empty()) text += separator;
    text += printable(item);
  }
  return list.empty() ? "-" : text;
}

std::string counted(uint64_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::string wrapped(std::string_view text, size_t indent, size_t width) {
  const std::string margin(indent, ' ');
  std::string out;
  std::string line = margin;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const bool is_first = line.size() == indent;
    if (!is_first && line.size() + 1 + end > width) {
      out += line + "\n";
      line = margin;
    } else if (!is_first) {
      line += ' ';
    }
    line += text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out + line + "\n";
}

}  // namespace sockherd::ctl
