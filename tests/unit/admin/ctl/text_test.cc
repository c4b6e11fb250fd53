#include "admin/ctl/text.h"

#include "gtest/gtest.h"

namespace sockherd::ctl {
namespace {

TEST(Text, TableAlignsWordsLeftAndNumbersRight) {
  EXPECT_EQ(table({"POOL", "READY", "LISTENERS"},
                  {{"web", "4", "web, tls"}, {"background", "12", ""}}, Palette::Plain),
            "POOL        READY  LISTENERS\n"
            "web             4  web, tls\n"
            "background     12\n");
}

TEST(Text, TableWithoutRowsIsItsHeading) {
  EXPECT_EQ(table({"POOL", "READY"}, {}, Palette::Plain), "POOL  READY\n");
}

TEST(Text, TableMeasuresCharactersNotBytesOrColours) {
  EXPECT_EQ(table({"A", "B"}, {{{"ää", Colour::Red}, "x"}, {"abc", "y"}}, Palette::Coloured),
            "\033[1mA\033[0m    \033[1mB\033[0m\n"
            "\033[31mää\033[0m   x\n"
            "abc  y\n");
}

TEST(Text, DurationsHaveTheirTwoLargestUnits) {
  const std::pair<double, std::string> kCases[] = {
      {-1, "0s"},      {0, "0s"},       {0.04, "40ms"},     {0.42, "0.4s"},
      {9.94, "9.9s"},  {9.96, "10s"},   {42, "42s"},        {59.6, "1m 0s"},
      {312, "5m 12s"}, {7260, "2h 1m"}, {273'600, "3d 4h"}, {1e300, "11574074074d 1h"},
  };
  for (const auto& [seconds, text] : kCases) EXPECT_EQ(human_duration(seconds), text) << seconds;
}

TEST(Text, PrintableLeavesNothingThatMovesACursor) {
  EXPECT_EQ(printable("a\033[2Jb\nc\x7f"), "a?[2Jb?c?");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31mä"),
            "?31mä");
}

TEST(Text, JoinsAndCounts) {
  EXPECT_EQ(joined({}), "-");
  EXPECT_EQ(joined({"a", "b"}), "a, b");
  EXPECT_EQ(joined({"node", "server.js"}, " "), "node server.js");
  EXPECT_EQ(counted(1, "worker"), "1 worker");
  EXPECT_EQ(counted(0, "worker"), "0 workers");
}

TEST(Text, WrapsAtBlanks) {
  EXPECT_EQ(wrapped("aa bb cc", 2, 7), "  aa bb\n  cc\n");
  EXPECT_EQ(wrapped("a-very-long-word b", 0, 5), "a-very-long-word\nb\n");
}

}  // namespace
}  // namespace sockherd::ctl
