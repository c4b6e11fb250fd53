#include "daemon/http/date.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <string_view>

namespace sockherd::http {
namespace {

constexpr int64_t kNow = 1700000000;     // Tue, 14 Nov 2023 22:13:20 GMT
constexpr int64_t kExample = 784111777;  // the example of the RFC

std::string format(int64_t seconds) {
  const auto text = format_date(seconds);
  return {text.data(), text.size()};
}

TEST(Date, IsWrittenAsImfFixdate) {
  EXPECT_EQ(format(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(format(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(format(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
  EXPECT_EQ(format(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(format(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(format(INT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(format(INT64_MIN), "Sat, 01 Jan 0000 00:00:00 GMT");
}

TEST(Date, AgreesWithTheLibraryOverFourCenturies) {
  for (int64_t seconds = 0; seconds < int64_t{400} * 31556952; seconds += 86400 * 13 + 4567) {
    const time_t time = static_cast<time_t>(seconds);
    tm broken{};
    ASSERT_NE(gmtime_r(&time, &broken), nullptr);
    char expected[64];
    ASSERT_GT(strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &broken), 0U);
    ASSERT_EQ(format(seconds), expected);
    ASSERT_EQ(parse_date(expected, kNow), seconds);
  }
}

TEST(Date, IsReadInAllThreeForms) {
  EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", kNow), kExample);
  EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", kNow), kExample);
  EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994", kNow), kExample);
  EXPECT_EQ(parse_date("Tue Nov 14 22:13:20 2023", kNow), kNow);
  EXPECT_EQ(parse_date("Wednesday, 31-Dec-69 23:59:59 GMT", 0), -1);
}

TEST(Date, PlacesTwoDigitsOfAYearAtMostFiftyYearsAhead) {
  EXPECT_EQ(parse_date("Friday, 05-Nov-99 00:00:00 GMT", kNow), 941760000);     // 1999
  EXPECT_EQ(parse_date("Tuesday, 05-Nov-30 00:00:00 GMT", kNow), 1920067200);   // 2030
  EXPECT_EQ(parse_date("Sunday, 05-Nov-73 00:00:00 GMT", kNow), 3277065600);    // 2073
  EXPECT_EQ(parse_date("Monday, 05-Nov-73 00:00:00 GMT", kNow), std::nullopt);  // 1973
  EXPECT_EQ(parse_date("Monday, 05-Nov-74 00:00:00 GMT", kNow), std::nullopt);  // 2074
  EXPECT_EQ(parse_date("Tuesday, 05-Nov-74 00:00:00 GMT", kNow), 152841600);    // 1974
  // Late in a century, small numbers are of the next one.
  EXPECT_EQ(parse_date("Saturday, 01-Jan-00 00:00:00 GMT", 944000000), 946684800);
}

TEST(Date, TakesALeapSecondForTheSecondAfterIt) {
  EXPECT_EQ(parse_date("Sat, 31 Dec 2016 23:59:60 GMT", kNow), 1483228800);
}

TEST(Date, RefusesEverythingElse) {
  for (const std::string_view text : {"",
                                      "0",
                                      "Sun",
                                      "Sun, 06 Nov 1994 08:49:37",
                                      "Sun, 06 Nov 1994 08:49:37 GMT ",
                                      " Sun, 06 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:37 UTC",
                                      "Sun, 06 Nov 1994 08:49:37 gmt",
                                      "Sun, 06 Nov 1994 08:49:37 +0000",
                                      "sun, 06 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 nov 1994 08:49:37 GMT",
                                      "Mon, 06 Nov 1994 08:49:37 GMT",  // was a Sunday
                                      "Sun, 6 Nov 1994 08:49:37 GMT",
                                      "Sun,  6 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 94 08:49:37 GMT",
                                      "Sun, 06-Nov-1994 08:49:37 GMT",
                                      "Sunday, 06 Nov 1994 08:49:37 GMT",
                                      "Sun, 06-Nov-94 08:49:37 GMT",
                                      "Sunday, 06-Nov-1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 24:00:00 GMT",
                                      "Sun, 06 Nov 1994 08:60:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:61 GMT",
                                      "Wed, 30 Feb 1994 08:49:37 GMT",
                                      "Tue, 29 Feb 1994 08:49:37 GMT",
                                      "Sun, 00 Nov 1994 08:49:37 GMT",
                                      "Sun, 32 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Foo 1994 08:49:37 GMT",
                                      "Sun Nov 6 08:49:37 1994",
                                      "Sun Nov  6 08:49:37 1994 GMT",
                                      "Sun Nov  6 08:49:37 94",
                                      "Sun Nov  16 08:49:37 1994"}) {
    EXPECT_EQ(parse_date(text, kNow), std::nullopt) << text;
  }
}

TEST(DateCache, FollowsTheSeconds) {
  DateCache cache;
  EXPECT_EQ(cache.at(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(cache.at(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(cache.at(kExample + 1), "Sun, 06 Nov 1994 08:49:38 GMT");
  EXPECT_EQ(cache.at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
}

}  // namespace
}  // namespace sockherd::http
