#include <string>

#include "daemon/config/load.h"
#include "daemon/config/option_text.h"
#include "daemon/config/options.h"

namespace sockherd::config {
namespace {

constexpr size_t kWidth = 80;

// `text` as comment lines of at most 80 columns; words are never cut.
std::string comment(std::string_view text) {
  std::string lines;
  std::string line = "#";
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (line.size() + 1 + end > kWidth) {
      lines += line + "\n";
      line = "#";
    }
    line += " " + std::string(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines + line + "\n";
}

// What is worth knowing beside the sentence: bounds or choices.
std::string limits_of(const Option& option) {
  std::string text;
  if (!option.choices.empty()) text = " One of: " + std::string(option.choices) + ".";
  const std::string bounds = format_bounds(option);
  if (bounds.empty()) return text;
  const std::string unit = option.unit.empty() ? "" : " " + std::string(option.unit);
  return text + " From " + bounds + unit + ".";
}

std::string describe_option(const Option& option) {
  const std::string key(option.name);
  std::string text = comment(std::string(option.help) + limits_of(option));
  if (option.type == Type::Routes)
    for (const Option* part : options_of(Section::Route))
      text += comment("  " + std::string(part->name) + ": " + std::string(part->help));
  if (option.sample.empty()) return text + "#" + key + " = " + std::string(option.fallback) + "\n";
  return text + key + " = " + std::string(option.sample) + "\n";
}

std::string describe_section(const SectionInfo& section) {
  const bool is_named = section.section == Section::Listener || section.section == Section::Pool;
  std::string text = "\n" + comment(section.help);
  text += "[" + std::string(section.name) + (is_named ? ".web]\n" : "]\n");
  for (const Option* option : options_of(section.section)) text += "\n" + describe_option(*option);
  return text;
}

}  // namespace

std::string sample() {
  std::string text = comment("The configuration of sockherd; sockherd.toml(5) says more.") +
                     comment("Options that are commented out show their default.") + "#\n" +
                     comment("Check it:  sockherdctl check FILE") +
                     comment("Apply it:  systemctl reload sockherd");
  for (const SectionInfo& section : sections())
    if (section.section != Section::Route) text += describe_section(section);
  return text;
}

}  // namespace sockherd::config
