#include "daemon/http/byteranges.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sockherd::http {
namespace {

// The whole content, put together as a server would.
std::string assemble(const ByterangesContent& content, const RangeSet& set, std::string_view text) {
  std::string whole;
  std::vector<char> buffer(1024);
  for (size_t part = 0; part < set.ranges().size(); ++part) {
    const ByteRange& range = set.ranges()[part];
    whole += content.part_head(part, buffer);
    whole += text.substr(range.first, range.size());
  }
  return whole + std::string(content.tail(buffer));
}

TEST(Byteranges, PutsEachPartBehindItsHead) {
  const std::string_view text = "0123456789";
  const RangeSet set = parse_ranges("bytes=7-,0-1", text.size());
  const ByterangesContent content(set, text.size(), "text/plain", "BOUND");
  EXPECT_EQ(content.content_type(), "multipart/byteranges; boundary=BOUND");
  const std::string whole = assemble(content, set, text);
  EXPECT_EQ(whole,
            "--BOUND\r\n"
            "Content-Type: text/plain\r\n"
            "Content-Range: bytes 7-9/10\r\n"
            "\r\n"
            "789\r\n"
            "--BOUND\r\n"
            "Content-Type: text/plain\r\n"
            "Content-Range: bytes 0-1/10\r\n"
            "\r\n"
            "01\r\n"
            "--BOUND--\r\n");
  EXPECT_EQ(content.size(), whole.size());
}

TEST(Byteranges, LeavesOutATypeThatIsNotKnown) {
  const RangeSet set = parse_ranges("bytes=0-0,2-2", 3);
  const ByterangesContent content(set, 3, "", "B");
  const std::string whole = assemble(content, set, "abc");
  EXPECT_TRUE(whole.starts_with("--B\r\nContent-Range: bytes 0-0/3\r\n\r\na\r\n--B\r\n")) << whole;
  EXPECT_EQ(content.size(), whole.size());
}

TEST(Byteranges, WritesNothingWhereItDoesNotFit) {
  const RangeSet set = parse_ranges("bytes=0-0,2-2", 3);
  const ByterangesContent content(set, 3, "text/plain", "B");
  for (size_t part = 0; part < 2; ++part) {
    std::vector<char> exact(content.part_head_bytes(part));
    EXPECT_EQ(content.part_head(part, exact).size(), exact.size());
    std::vector<char> small(exact.size() - 1);
    EXPECT_EQ(content.part_head(part, small), "");
  }
  std::vector<char> exact(content.tail_bytes());
  EXPECT_EQ(content.tail(exact).size(), exact.size());
  std::vector<char> small(exact.size() - 1);
  EXPECT_EQ(content.tail(small), "");
}

TEST(Byteranges, CountsTheLargestThereIs) {
  constexpr uint64_t kSize = INT64_MAX;
  const RangeSet set = parse_ranges("bytes=0-0,2-", kSize);
  const ByterangesContent content(set, kSize, "text/plain", std::string(70, 'b'));
  EXPECT_EQ(content.content_type().size(), 101U);
  EXPECT_EQ(content.size(), content.part_head_bytes(0) + content.part_head_bytes(1) +
                                content.tail_bytes() + kSize - 1);
  EXPECT_DEATH(ByterangesContent(set, kSize, "", std::string(71, 'b')), "kMaxBoundaryBytes");
  EXPECT_DEATH(ByterangesContent(set, kSize, "", "a b"), "is_all");
  EXPECT_DEATH(ByterangesContent(RangeSet(), kSize, "", "b"), "Partial");
}

}  // namespace
}  // namespace sockherd::http
