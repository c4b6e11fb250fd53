#include "admin/metrics/text_format.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sockherd::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily gauge(double value, std::vector<ClientMetric::Label> labels = {}) {
  MetricFamily family{"a_gauge", "Help.", MetricType::Gauge, {}};
  ClientMetric& sample = family.metric.emplace_back();
  sample.gauge.value = value;
  sample.label = std::move(labels);
  return family;
}

std::string value_text(double value) {
  const std::string text = to_text({gauge(value)});
  const size_t start = text.rfind(' ') + 1;
  return text.substr(start, text.size() - start - 1);
}

TEST(TextFormat, WritesHelpTypeAndSample) {
  EXPECT_EQ(to_text({gauge(1, {{"pool", "web"}, {"slot", "0"}})}),
            "# HELP a_gauge Help.\n# TYPE a_gauge gauge\na_gauge{pool=\"web\",slot=\"0\"} 1\n");
}

TEST(TextFormat, WritesNumbersThatPrometheusReads) {
  const struct {
    double number;
    const char* text;
  } kCases[] = {{0, "0"},
                {1000000, "1000000"},
                {9007199254740992, "9007199254740992"},
                {-3, "-3"},
                {0.25, "0.25"},
                {1700000000.25, "1700000000.25"},
                {1e300, "1e+300"},
                {std::nan(""), "NaN"},
                {std::numeric_limits<double>::infinity(), "+Inf"},
                {-std::numeric_limits<double>::infinity(), "-Inf"}};
  for (const auto& [number, text] : kCases) EXPECT_EQ(value_text(number), text);
}

TEST(TextFormat, EscapesHelpWithoutQuotes) {
  MetricFamily family = gauge(1);
  family.help = "a \"quoted\" \\ word\nand a line";
  EXPECT_TRUE(
      to_text({family}).starts_with("# HELP a_gauge a \"quoted\" \\\\ word\\nand a line\n# TYPE"));
}

TEST(TextFormat, EscapesLabelsWithQuotes) {
  EXPECT_NE(to_text({gauge(1, {{"pool", "a\"b\\c\nd"}})}).find("{pool=\"a\\\"b\\\\c\\nd\"} 1"),
            std::string::npos);
}

TEST(TextFormat, ReplacesWhatIsNoUtf8) {
  const struct {
    const char* in;
    const char* out;
  } kCases[] = {{"gr\xC3\xBCn", "gr\xC3\xBCn"},
                {"a\xFFz", "a\xEF\xBF\xBDz"},
                {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},                  // overlong "/"
                {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},  // surrogate
                {"end\xE2\x82", "end\xEF\xBF\xBD\xEF\xBF\xBD"},            // cut off
                {"\xF0\x9F\x90\x91", "\xF0\x9F\x90\x91"},                  // a sheep
                {"\xF5\x80\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}};
  for (const auto& [in, out] : kCases) {
    EXPECT_NE(to_text({gauge(1, {{"l", in}})}).find("{l=\"" + std::string(out) + "\"}"),
              std::string::npos)
        << in;
  }
}

TEST(TextFormat, WritesHistogramsWithTheInfiniteBucket) {
  MetricFamily family{"h_seconds", "Help.", MetricType::Histogram, {}};
  ClientMetric& sample = family.metric.emplace_back();
  sample.label = {{"pool", "web"}};
  sample.histogram = {7, 1.5, {{3, 0.0005}, {5, 1}}};
  EXPECT_EQ(to_text({family}),
            "# HELP h_seconds Help.\n# TYPE h_seconds histogram\n"
            "h_seconds_bucket{pool=\"web\",le=\"0.0005\"} 3\n"
            "h_seconds_bucket{pool=\"web\",le=\"1\"} 5\n"
            "h_seconds_bucket{pool=\"web\",le=\"+Inf\"} 7\n"
            "h_seconds_sum{pool=\"web\"} 1.5\n"
            "h_seconds_count{pool=\"web\"} 7\n");
}

TEST(TextFormat, LeavesOutFamiliesWithoutSamples) {
  EXPECT_EQ(to_text({MetricFamily{"empty", "Help.", MetricType::Gauge, {}}}), "");
}

}  // namespace
}  // namespace sockherd::metrics
