#include "admin/ctl/command_line.h"

#include "admin/ctl/exit_code.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sockherd::ctl {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

const Surroundings kTerminal = {"/run/default", true, 1000};

CommandLine parse(const std::vector<std::string>& arguments) {
  Result<CommandLine> line = parse_command_line(arguments, kTerminal);
  EXPECT_TRUE(line.ok()) << line.error().what;
  return line.ok() ? std::move(line).value() : CommandLine{};
}

TEST(CommandLine, KnowsVerbsArgumentsAndFlags) {
  EXPECT_EQ(parse({"status"}).verb->name, "status");
  EXPECT_EQ(parse({"config", "init"}).verb->name, "config init");
  const CommandLine scale = parse({"scale", "web", "6"});
  EXPECT_EQ(scale.request.argument("POOL"), "web");
  EXPECT_EQ(scale.request.argument("N"), "6");
  EXPECT_TRUE(parse({"reload", "--no-wait"}).request.has("--no-wait"));
  EXPECT_EQ(parse({"workers"}).request.argument("POOL"), "");
  EXPECT_EQ(parse({"check", "-"}).request.argument("FILE"), "-");
}

TEST(CommandLine, AFlagMayHaveAValue) {
  const CommandLine line = parse({"events", "--since=17", "--follow", "--limit", "5"});
  EXPECT_EQ(line.request.values.at("--since"), "17");
  EXPECT_EQ(line.request.values.at("--limit"), "5");
  EXPECT_TRUE(line.request.has("--follow"));
  EXPECT_THAT(help(*find_verb("events")), HasSubstr("\n  --since N "));
  EXPECT_FALSE(parse_command_line({"events", "--since"}, kTerminal).ok());
}

TEST(CommandLine, AnArgumentMayBeCalledLikeAVerb) {
  const CommandLine line = parse({"workers", "status"});
  EXPECT_EQ(line.verb->name, "workers");
  EXPECT_EQ(line.request.argument("POOL"), "status");
}

TEST(CommandLine, OptionsMayStandBeforeAndBehindTheVerb) {
  for (const CommandLine& line : {parse({"--json", "--socket", "/x", "--timeout", "2m", "status"}),
                                  parse({"status", "--json", "--socket=/x", "--timeout=120"})}) {
    EXPECT_TRUE(line.request.json);
    EXPECT_EQ(line.request.socket, "/x");
    EXPECT_EQ(line.request.timeout, std::chrono::minutes(2));
  }
}

TEST(CommandLine, HasDefaults) {
  const CommandLine line = parse({"status"});
  EXPECT_EQ(line.request.socket, "/run/default");
  EXPECT_EQ(line.request.timeout, std::chrono::seconds(5));
  EXPECT_EQ(line.request.palette, Palette::Coloured);
  EXPECT_FALSE(line.request.json);
  EXPECT_EQ(parse({"reload"}).request.timeout, std::chrono::minutes(10));
  EXPECT_EQ(parse({"status", "--no-color"}).request.palette, Palette::Plain);
}

TEST(CommandLine, AnInstanceHasASocketOfItsOwn) {
  const CommandLine line = parse({"--instance", "shop", "status"});
  EXPECT_EQ(line.request.instance, "shop");
  EXPECT_EQ(line.request.socket, "/run/sockherd@shop/control");
  EXPECT_EQ(parse({"status", "--instance=shop", "--socket=/x"}).request.socket, "/x");
}

TEST(CommandLine, WrongUsageExits2AndSaysTheRemedy) {
  const std::pair<std::vector<std::string>, std::string> kCases[] = {
      {{}, "a verb is missing; see: sockherdctl --help"},
      {{"statsu"}, "unknown verb \"statsu\"; did you mean \"status\"?"},
      {{"xyzzy"}, "unknown verb \"xyzzy\"; see: sockherdctl --help"},
      {{"config"}, "`sockherdctl config init`"},
      {{"config", "int"}, "unknown verb \"config int\"; did you mean \"init\"?"},
      {{"scale"}, "POOL is missing; usage: sockherdctl scale POOL N"},
      {{"scale", "web"}, "N is missing"},
      {{"scale", "web", "1", "2"}, "\"2\" is one argument too many"},
      {{"status", "web"}, "usage: sockherdctl status"},
      {{"status", "--jsno"}, "unknown option --jsno; did you mean \"--json\"?"},
      {{"reload", "--now-ait"}, "did you mean \"--no-wait\"?"},
      {{"status", "--wait"}, "unknown option --wait"},
      {{"status", "--socket"}, "--socket"},
      {{"status", "--timeout", "soon"}, "--timeout must be a time"},
      {{"status", "--instance", "a/b"}, "NAME of a sockherd@NAME.service, is \"a/b\""},
      {{"unit", "--slot", "2"}, "did you mean \"--slots\"?"},
      {{"status", "--timeout", "0"}, "--timeout must be a time"},
  };
  for (const auto& [arguments, words] : kCases) {
    const Result<CommandLine> line = parse_command_line(arguments, kTerminal);
    ASSERT_FALSE(line.ok()) << words;
    EXPECT_EQ(line.error().code, 2) << words;
    EXPECT_THAT(line.error().what, HasSubstr(words));
  }
}

TEST(CommandLine, HelpWinsOverWhatIsMissing) {
  EXPECT_EQ(parse({"-h"}).text, help());
  EXPECT_EQ(parse({"--help"}).text, help());
  EXPECT_EQ(parse({"scale", "--help"}).text, help(*find_verb("scale")));
  EXPECT_EQ(parse({"-h", "scale"}).text, help(*find_verb("scale")));
  EXPECT_THAT(parse({"--version"}).text, HasSubstr("sockherdctl "));
}

void expect_80_columns(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    ASSERT_NE(end, std::string_view::npos) << "the last line has no end";
    EXPECT_LE(end, 80U) << text.substr(0, end);
    text.remove_prefix(end + 1);
  }
}

TEST(Help, NamesEveryVisibleVerbAndExitCodeIn80Columns) {
  expect_80_columns(help());
  for (const Verb& verb : verbs()) {
    EXPECT_EQ(help().find("\n  " + synopsis(verb)) != std::string::npos, !verb.is_hidden);
    expect_80_columns(help(verb));
  }
  for (const ExitInfo& exit : kExits)
    EXPECT_THAT(help(), HasSubstr("\n  " + std::to_string(static_cast<int>(exit.code)) + " "));
}

TEST(ExitCodes, AreTheDocumentedOnes) {
  std::vector<int> codes;
  for (const ExitInfo& exit : kExits) codes.push_back(static_cast<int>(exit.code));
  EXPECT_THAT(codes, testing::ElementsAre(0, 1, 2, 3, 4, 6, 124));
}

}  // namespace
}  // namespace sockherd::ctl
