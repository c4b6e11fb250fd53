#include "daemon/http/range.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sockherd::http {
namespace {

// "first-last" and further ones behind a comma, "whole" or "416".
std::string range(std::string_view field, uint64_t size = 1000) {
  const RangeSet set = parse_ranges(field, size);
  if (set.kind() == RangeKind::Whole) return "whole";
  if (set.kind() == RangeKind::Unsatisfiable) return "416";
  std::string text;
  for (const ByteRange& part : set.ranges()) {
    EXPECT_EQ(part.size(), part.last - part.first + 1);
    if (!text.empty()) text += ",";
    text += std::to_string(part.first) + "-" + std::to_string(part.last);
  }
  return text;
}

TEST(Range, IsOnePartOfTheBytes) {
  EXPECT_EQ(range("bytes=0-499"), "0-499");
  EXPECT_EQ(range("BYTES=500-999"), "500-999");
  EXPECT_EQ(range("bytes=0-0"), "0-0");
  EXPECT_EQ(range("bytes=999-999"), "999-999");
  EXPECT_EQ(range("bytes=900-5000"), "900-999");
  EXPECT_EQ(range("bytes=900-99999999999999999999999"), "900-999");
  EXPECT_EQ(range("bytes=0-"), "0-999");
  EXPECT_EQ(range("bytes=999-"), "999-999");
  EXPECT_EQ(range("bytes=-1"), "999-999");
  EXPECT_EQ(range("bytes=-1000"), "0-999");
  EXPECT_EQ(range("bytes=-99999999999999999999999"), "0-999");
  EXPECT_EQ(range("bytes= 1-2"), "1-2");
  EXPECT_EQ(range("bytes=0-", UINT64_MAX), "0-18446744073709551614");
}

TEST(Range, CanNotBeHadBehindTheEnd) {
  for (const std::string_view field :
       {"bytes=1000-", "bytes=1000-2000", "bytes=99999999999999999999999-", "bytes=-0"}) {
    EXPECT_EQ(range(field), "416") << field;
  }
  EXPECT_EQ(range("bytes=0-", 0), "416");
  EXPECT_EQ(range("bytes=0-0", 0), "416");
}

TEST(Range, IsIgnoredWhereWeDoNotUnderstandIt) {
  for (const std::string_view field :
       {"",           "bytes",       "bytes=",        "bytes=-",       "bytes=a-b",   "bytes=1",
        "bytes=2-1",  "bytes=+1-2",  "bytes=1-2-3",   "bytes=--1",     "bytes=0x1-2", "bytes=1 - 2",
        "bytes=,",    "bytes=0-1,x", "bytes=0-1,6-5", "bytes=0-1;5-6", "lines=0-1",   "bytes 0-1",
        "bytes =0-1", "=0-1"}) {
    EXPECT_EQ(range(field), "whole") << field;
  }
  EXPECT_EQ(range("bytes=-5", 0), "whole");
  EXPECT_EQ(range("bytes=0-1,-5", 0), "whole");
}

TEST(Range, IsAListOfParts) {
  EXPECT_EQ(range("bytes=0-1,5-6"), "0-1,5-6");
  EXPECT_EQ(range("bytes=5-6, 0-1 ,\t9-9"), "5-6,0-1,9-9");  // in the order they were asked for
  EXPECT_EQ(range("bytes=,0-1,, ,5-6,"), "0-1,5-6");         // empty elements, section 5.6.1.2
  EXPECT_EQ(range("bytes=0-0,-1"), "0-0,999-999");
  EXPECT_EQ(range("bytes=0-0,998-"), "0-0,998-999");
}

TEST(Range, LeavesOutWhatCanNotBeHad) {
  EXPECT_EQ(range("bytes=0-1,1000-,-0"), "0-1");
  EXPECT_EQ(range("bytes=1000-1001,0-1,5-6"), "0-1,5-6");
  EXPECT_EQ(range("bytes=1000-,2000-,-0"), "416");
  EXPECT_EQ(range("bytes=0-,5-6", 0), "416");
}

TEST(Range, UnitesPartsThatOverlapOrTouch) {
  EXPECT_EQ(range("bytes=0-5,3-9"), "0-9");
  EXPECT_EQ(range("bytes=3-9,0-5"), "0-9");
  EXPECT_EQ(range("bytes=0-4,5-9"), "0-9");
  EXPECT_EQ(range("bytes=0-4,6-9"), "0-4,6-9");
  EXPECT_EQ(range("bytes=0-99,5-6"), "0-99");
  EXPECT_EQ(range("bytes=5-6,0-99"), "0-99");
  EXPECT_EQ(range("bytes=20-29,0-9,40-49,10-19"), "0-29,40-49");
  EXPECT_EQ(range("bytes=40-49,0-9,20-29,8-22"), "40-49,0-29");
  EXPECT_EQ(range("bytes=0-0,2-2,4-4,6-6,0-6"), "0-6");
  EXPECT_EQ(range("bytes=0-,0-,0-,0-"), "0-999");
  EXPECT_EQ(range("bytes=-1,0-0", 1), "0-0");
}

TEST(Range, IsIgnoredWhereThereAreTooMany) {
  std::string field = "bytes=0-0";
  std::string expected = "0-0";
  for (size_t i = 1; i < RangeSet::kMaxRanges; ++i) {
    const std::string part = std::to_string(10 * i) + "-" + std::to_string(10 * i);
    field += "," + part;
    expected += "," + part;
  }
  EXPECT_EQ(range(field), expected);
  EXPECT_EQ(range(field + ",0-0"), "whole");
  EXPECT_EQ(range(field + ",5000-"), "whole");  // whether it can be had or not
}

TEST(Range, IsSaidInContentRange) {
  EXPECT_EQ(ContentRange({.first = 0, .last = 4}, 10).view(), "bytes 0-4/10");
  EXPECT_EQ(ContentRange::unsatisfied(10).view(), "bytes */10");
  constexpr uint64_t kMost = UINT64_MAX;
  EXPECT_EQ(ContentRange({.first = kMost, .last = kMost}, kMost).view(),
            "bytes 18446744073709551615-18446744073709551615/18446744073709551615");
}

}  // namespace
}  // namespace sockherd::http
