#include "daemon/http/range.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sockherd::http {
namespace {

// "first-last", "whole" or "416".
std::string range(std::string_view field, uint64_t size = 1000) {
  const ByteRange parsed = parse_range(field, size);
  if (parsed.kind == RangeKind::Whole) return "whole";
  if (parsed.kind == RangeKind::Unsatisfiable) return "416";
  EXPECT_EQ(parsed.size(), parsed.last - parsed.first + 1);
  return std::to_string(parsed.first) + "-" + std::to_string(parsed.last);
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
       {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "bytes=2-1", "bytes=+1-2",
        "bytes=1-2-3", "bytes=--1", "bytes=0x1-2", "bytes=1 - 2", "bytes=0-1,5-6", "bytes=0-1,",
        "lines=0-1", "bytes 0-1", "bytes =0-1", "=0-1"}) {
    EXPECT_EQ(range(field), "whole") << field;
  }
  EXPECT_EQ(range("bytes=-5", 0), "whole");
}

TEST(Range, IsSaidInContentRange) {
  EXPECT_EQ(ContentRange({.kind = RangeKind::Partial, .first = 0, .last = 4}, 10).view(),
            "bytes 0-4/10");
  EXPECT_EQ(ContentRange({.kind = RangeKind::Unsatisfiable}, 10).view(), "bytes */10");
  constexpr uint64_t kMost = UINT64_MAX;
  EXPECT_EQ(ContentRange({.kind = RangeKind::Partial, .first = kMost, .last = kMost}, kMost).view(),
            "bytes 18446744073709551615-18446744073709551615/18446744073709551615");
}

}  // namespace
}  // namespace sockherd::http
