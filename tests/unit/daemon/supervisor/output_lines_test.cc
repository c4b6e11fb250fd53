#include "daemon/supervisor/output_lines.h"

#include <gmock/gmock.h>

namespace sockherd::supervisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> take_all(OutputLines& lines) {
  std::vector<std::string> taken;
  while (const auto line = lines.front()) {
    taken.push_back(std::to_string(line->priority) + ":" + line->text);
    lines.pop();
  }
  return taken;
}

std::vector<std::string> lines_of(std::string_view bytes, size_t most = 8) {
  OutputLines lines(most);
  lines.add(bytes);
  lines.end();
  return take_all(lines);
}

TEST(OutputLines, EachLineIsOne) {
  EXPECT_THAT(lines_of("one\ntwo\n\nthree"), ElementsAre("6:one", "6:two", "6:", "6:three"));
  EXPECT_THAT(lines_of(""), IsEmpty());
}

TEST(OutputLines, ALineComesWhenItIsWhole) {
  OutputLines lines(8);
  lines.add("on");
  EXPECT_FALSE(lines.front());
  lines.add("e\ntw");
  EXPECT_THAT(take_all(lines), ElementsAre("6:one"));
  EXPECT_EQ(lines.waiting(), 2U);
  lines.end();
  EXPECT_THAT(take_all(lines), ElementsAre("6:tw"));
}

TEST(OutputLines, TheSameForEverySplitOfTheBytes) {
  const std::string bytes = "<3>eight888\n\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F\xC3\xA4\n\n<4>x\r\nend";
  const std::vector<std::string> whole = lines_of(bytes);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    OutputLines lines(8);
    lines.add(std::string_view(bytes).substr(0, cut));
    std::vector<std::string> taken = take_all(lines);
    lines.add(std::string_view(bytes).substr(cut));
    lines.end();
    for (std::string& line : take_all(lines)) taken.push_back(std::move(line));
    EXPECT_EQ(taken, whole) << cut;
  }
}

TEST(OutputLines, ALongLineComesInPiecesOfItsPriority) {
  EXPECT_THAT(lines_of("<3>12345678\nnext"), ElementsAre("3:12345", "3:678", "6:next"));
  EXPECT_THAT(lines_of("12345678\n"), ElementsAre("6:12345678")) << "just fits";
  EXPECT_THAT(lines_of("12345678<3>\n"), ElementsAre("6:12345678", "6:<3>"))
      << "no priority in the middle of a line";
}

TEST(OutputLines, NoCharacterIsTorn) {
  EXPECT_THAT(lines_of("1234567\xC3\xA4x\n"), ElementsAre("6:1234567", "6:\xC3\xA4x"));
  EXPECT_THAT(lines_of("123456\xF0\x9F\x90\x91\n"), ElementsAre("6:123456", "6:\xF0\x9F\x90\x91"));
  EXPECT_THAT(lines_of(std::string(10, '\x80') + "\n"), ElementsAre("6:????????", "6:??"))
      << "what is no character is cut anywhere";
}

TEST(OutputLines, WhatIsNotTakenStays) {
  OutputLines lines(8);
  lines.add("one\ntwo\n");
  EXPECT_EQ(lines.front()->text, "one");
  EXPECT_EQ(lines.front()->text, "one");
  lines.pop();
  EXPECT_EQ(lines.front()->text, "two");
}

TEST(OutputLines, DroppedAreWholeLinesOnly) {
  OutputLines lines(8);
  lines.add("one\ntwo\nthr");
  EXPECT_EQ(lines.drop(), 2U);
  lines.add("ee\n");
  EXPECT_THAT(take_all(lines), ElementsAre("6:three"));
  EXPECT_EQ(lines.drop(), 0U);
}

TEST(OutputLines, ADroppedEndOfALongLineIsNoBeginning) {
  OutputLines lines(4);
  lines.add("<3>abcd");
  EXPECT_EQ(lines.front()->priority, 3);
  lines.pop();
  lines.add("efg\n<x\n");
  EXPECT_EQ(lines.drop(), 2U);
  lines.add("<5>y\n");
  EXPECT_THAT(take_all(lines), ElementsAre("5:y"));
}

TEST(OutputLines, PrioritiesAreThoseOfSdDaemon) {
  struct Case {
    const char* line;
    int priority;
    const char* text;
  };
  constexpr Case kCases[] = {
      {"<0>a", 0, "a"},       {"<7>a", 7, "a"},          {"<30>a", 6, "a"},
      {"<191>a", 7, "a"},     {"<192>a", 6, "<192>a"},   {"<>a", 6, "<>a"},
      {"<-1>a", 6, "<-1>a"},  {"<3a", 6, "<3a"},         {"<3>", 3, ""},
      {" <3>a", 6, " <3>a"},  {"<0003>a", 6, "<0003>a"}, {"<3><4>a", 3, "<4>a"},
      {"<html>", 6, "<html>"}};
  for (const Case& one : kCases) {
    OutputLines lines(100);
    lines.add(std::string(one.line) + "\n");
    EXPECT_EQ(lines.front()->priority, one.priority) << one.line;
    EXPECT_EQ(lines.front()->text, one.text) << one.line;
  }
}

TEST(OutputText, ShowsNoControlCharacters) {
  EXPECT_EQ(shown_text("a\tb"), "a\tb");
  EXPECT_EQ(shown_text("line\r"), "line");
  EXPECT_EQ(shown_text("back\rover"), "back?over");
  EXPECT_EQ(shown_text("\x1b[1;32minfo\x1b[0m: x\x1b[m"), "info: x");
  EXPECT_EQ(shown_text("\x1b[2J\x1b]0;title\x07"), "?[2J?]0;title?");
  EXPECT_EQ(shown_text("\x1b["), "?[");
  EXPECT_EQ(shown_text("\x1b"), "?");
  EXPECT_EQ(shown_text(std::string_view("a\0b", 3)), "a?b");
  EXPECT_EQ(shown_text("gr\xC3\xBC\xC3\x9F \xFF\xC0\xAF"), "gr\xC3\xBC\xC3\x9F ???");
  EXPECT_EQ(shown_text(""), "");
}

TEST(OutputBudget, ABurstAndThenSoManyASecond) {
  OutputBudget budget;
  const auto take = [&budget](double at) {
    size_t taken = 0;
    while (budget.take(at)) ++taken;
    return static_cast<double>(taken);
  };
  EXPECT_EQ(take(1000.0), OutputBudget::kBurst);
  EXPECT_EQ(take(1000.0), 0);
  EXPECT_NEAR(take(1000.1), OutputBudget::kRate / 10, 1);
  EXPECT_EQ(take(5000.0), OutputBudget::kBurst) << "no more is saved up";
}

}  // namespace
}  // namespace sockherd::supervisor
