// The option table against itself and against the loader: each row's bounds hold.
#include "daemon/config/options.h"

#include <set>

#include "daemon/config/load.h"
#include "daemon/config/option_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sockherd::config {
namespace {

using testing::HasSubstr;

constexpr std::string_view kBase =
    "[listener.web]\n[pool.web]\nlisteners=[\"web\"]\nroutes=[{path=\"/\",module=\"demo\"}]\n"
    "max_workers=1024\nrestart_delay_max=\"1h\"\n";

std::string path_of(const Option& option) {
  const std::string name(option.name);
  switch (option.section) {
    case Section::Daemon:
      return "daemon." + name;
    case Section::Listener:
      return "listener.web." + name;
    case Section::Pool:
      return "pool.web." + name;
    case Section::Admin:
      return "admin." + name;
    case Section::Route:
      break;
  }
  return "";
}

// Those of routes cannot be set one by one; faults_test.cc has them.
bool has_bounds(const Option& option) {
  return option.min != option.max && option.section != Section::Route;
}

Loaded load_with(const Option& option, int64_t number) {
  return load(kBase, "f", {{"--set", path_of(option), format_number(option, number)}});
}

TEST(Options, ValuesAtTheBoundsAreTaken) {
  for (const Option& option : options()) {
    if (!has_bounds(option)) continue;
    for (const int64_t number : {option.min, option.max}) {
      // restart_delay must not pass restart_delay_max, and no surge at all needs max_unavailable;
      // those are other rules.
      const bool has_rule = option.name == "restart_delay_max" || option.name == "max_surge";
      if (has_rule && number == option.min) continue;
      const Loaded loaded = load_with(option, number);
      EXPECT_TRUE(loaded.config) << option.name << " " << number << ": "
                                 << loaded.faults.at(0).text();
    }
  }
}

TEST(Options, ValuesOutsideOfTheBoundsAreRefusedWithTheBounds) {
  for (const Option& option : options()) {
    if (!has_bounds(option)) continue;
    std::vector<int64_t> outside = {option.max + 1};
    if (option.min > 0 && option.type != Type::AccessMode) outside.push_back(option.min - 1);
    for (const int64_t number : outside) {
      const Loaded loaded = load_with(option, number);
      ASSERT_FALSE(loaded.config) << option.name << " " << number;
      EXPECT_THAT(loaded.faults[0].text(), HasSubstr("must be " + format_bounds(option)));
    }
  }
}

TEST(Options, AllTakeTheirOwnDefault) {
  for (const Option& option : options()) {
    if (option.section == Section::Route || option.name == "listeners" || option.name == "routes")
      continue;
    const Loaded loaded =
        load(kBase, "f", {{"--set", path_of(option), std::string(option.fallback)}});
    EXPECT_TRUE(loaded.config) << option.name << ": " << loaded.faults.at(0).text();
  }
}

TEST(Options, NamesAreUniqueWithinASection) {
  std::set<std::pair<Section, std::string_view>> seen;
  for (const Option& option : options())
    EXPECT_TRUE(seen.emplace(option.section, option.name).second) << option.name;
}

TEST(Options, HelpIsOneSentence) {
  for (const Option& option : options()) {
    EXPECT_TRUE(option.help.ends_with('.')) << option.name;
    EXPECT_EQ(option.help.find(". "), std::string_view::npos) << option.name << ": " << option.help;
  }
}

TEST(Options, SectionsStandInTheOrderOfTheirNumbers) {
  for (const SectionInfo& section : sections()) EXPECT_EQ(&info(section.section), &section);
}

TEST(Options, QuoteEscapesWhatTomlForbids) {
  EXPECT_EQ(quote("a\"b\\c\n\x7f"), "\"a\\\"b\\\\c\\u000a\\u007f\"");
}

}  // namespace
}  // namespace sockherd::config
