#include "daemon/config/units.h"

#include "gtest/gtest.h"

namespace sockherd::config {
namespace {

TEST(Units, ReadsDurations) {
  const std::pair<std::string_view, int64_t> kCases[] = {
      {"500ms", 500}, {"30s", 30'000},      {"2m", 120'000}, {"1h", 3'600'000}, {"1d", 86'400'000},
      {"1.5s", 1500}, {"1h30m", 5'400'000}, {"0s", 0},       {"0.5ms0.5ms", 1}, {"1m500ms", 60'500},
  };
  for (const auto& [text, milliseconds] : kCases) {
    const auto duration = parse_duration(text);
    ASSERT_TRUE(duration) << text;
    EXPECT_EQ(duration->count(), milliseconds) << text;
  }
}

TEST(Units, RefusesWhatIsNoDuration) {
  for (const std::string_view text :
       {"", "30", "s", "-1s", "30 s", "30x", "1.2.3s", "0.5ms", "1e3s", "30sec", "infs", "nans",
        "999999999999999999d", "30s ", "s30"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Units, WritesDurationsThatReadBack) {
  using std::chrono::milliseconds;
  EXPECT_EQ(format_duration(milliseconds(0)), "0s");
  EXPECT_EQ(format_duration(milliseconds(500)), "500ms");
  EXPECT_EQ(format_duration(milliseconds(75'000)), "1m15s");
  for (const int64_t count : {1L, 999L, 1000L, 59'999L, 3'600'000L, 90'061'001L})
    EXPECT_EQ(parse_duration(format_duration(milliseconds(count))), milliseconds(count));
}

TEST(Units, ReadsSizes) {
  EXPECT_EQ(parse_size("64B"), 64);
  EXPECT_EQ(parse_size("16KiB"), 16 * 1024);
  EXPECT_EQ(parse_size("1MiB"), 1024 * 1024);
  EXPECT_EQ(parse_size("1TiB"), int64_t{1} << 40);
}

TEST(Units, RefusesWhatIsNoSize) {
  for (const std::string_view text : {"", "16", "16KB", "16k", "1.5MiB", "-1B", "16 KiB", "KiB",
                                      "9999999999TiB", "99999999999999999999B"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Units, WritesSizesWithTheLargestWholeUnit) {
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(1000), "1000B");
  EXPECT_EQ(format_size(16 * 1024), "16KiB");
  EXPECT_EQ(format_size(1024 * 1024), "1MiB");
}

TEST(Units, ReadsAndWritesAccessModes) {
  EXPECT_EQ(parse_access_mode("0660"), 0660);
  EXPECT_EQ(parse_access_mode("777"), 0777);
  EXPECT_EQ(format_access_mode(0660), "0660");
  for (const std::string_view text : {"", "0", "66", "0880", "06600", "rw-rw----"})
    EXPECT_FALSE(parse_access_mode(text)) << text;
}

}  // namespace
}  // namespace sockherd::config
