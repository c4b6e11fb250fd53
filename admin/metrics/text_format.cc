#include "admin/metrics/text_format.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace sockherd::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

enum class Quotes { Keep, Escape };

// The length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629), 0 if none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const bool is_overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool is_beyond = (first == 0xED && byte(1) > 0x9F) || (first == 0xF4 && byte(1) > 0x8F);
  return is_overlong || is_beyond ? 0 : length;
}

void append_escaped(std::string& out, std::string_view text, Quotes quotes) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";  // U+FFFD for each byte that is no UTF-8
    } else if (text[0] == '\\') {
      out += "\\\\";
    } else if (text[0] == '\n') {
      out += "\\n";
    } else if (text[0] == '"' && quotes == Quotes::Escape) {
      out += "\\\"";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

template <typename Number, typename... Format>
void append_digits(std::string& out, Number number, Format... format) {
  std::array<char, 48> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), number, format...).ptr;
  out.append(digits.data(), end);
}

void append_number(std::string& out, double number) {
  constexpr double kExactIntegers = 9007199254740992;  // 2^53
  const double size = std::abs(number);
  if (std::isnan(number)) {
    out += "NaN";
  } else if (std::isinf(number)) {
    out += number > 0 ? "+Inf" : "-Inf";
  } else if (number == std::trunc(number) && size <= kExactIntegers) {
    append_digits(out, static_cast<int64_t>(number));
  } else if (size >= 1e-6 && size <= kExactIntegers) {
    append_digits(out, number, std::chars_format::fixed);  // 0.0005, not 5e-04
  } else {
    append_digits(out, number);
  }
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
  out += out.back() == '{' ? "" : ",";
  out += name;
  out += "=\"";
  append_escaped(out, value, Quotes::Escape);
  out += '"';
}

// "name_suffix{a="1",le="0.5"} ": what stands before a value.
void append_series(std::string& out, const MetricFamily& family, std::string_view suffix,
                   const ClientMetric& sample, const double* less_or_equal = nullptr) {
  out += family.name;
  out += suffix;
  if (!sample.label.empty() || less_or_equal != nullptr) {
    out += '{';
    for (const ClientMetric::Label& label : sample.label)
      append_label(out, label.name, label.value);
    if (less_or_equal != nullptr) {
      std::string bound;
      append_number(bound, *less_or_equal);
      append_label(out, "le", bound);
    }
    out += '}';
  }
  out += ' ';
}

void append_histogram(std::string& out, const MetricFamily& family, const ClientMetric& sample) {
  const auto append_bucket = [&](double bound, uint64_t count) {
    append_series(out, family, "_bucket", sample, &bound);
    append_digits(out, count);
    out += '\n';
  };
  for (const ClientMetric::Bucket& bucket : sample.histogram.bucket)
    append_bucket(bucket.upper_bound, bucket.cumulative_count);
  append_bucket(INFINITY, sample.histogram.sample_count);
  append_series(out, family, "_sum", sample);
  append_number(out, sample.histogram.sample_sum);
  out += '\n';
  append_series(out, family, "_count", sample);
  append_digits(out, sample.histogram.sample_count);
  out += '\n';
}

void append_sample(std::string& out, const MetricFamily& family, const ClientMetric& sample) {
  if (family.type == MetricType::Histogram) return append_histogram(out, family, sample);
  append_series(out, family, "", sample);
  append_number(out,
                family.type == MetricType::Counter ? sample.counter.value : sample.gauge.value);
  out += '\n';
}

std::string_view type_word(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
    default:
      return "untyped";  // we make no other; newer releases of the library know more
  }
}

void append_family(std::string& out, const MetricFamily& family) {
  out += "# HELP " + family.name + ' ';
  append_escaped(out, family.help, Quotes::Keep);
  out += "\n# TYPE " + family.name + ' ';
  out += type_word(family.type);
  out += '\n';
  for (const ClientMetric& sample : family.metric) append_sample(out, family, sample);
}

}  // namespace

std::string to_text(const std::vector<MetricFamily>& families) {
  std::string out;
  out.reserve(size_t{16} * 1024);
  for (const MetricFamily& family : families)
    if (!family.metric.empty()) append_family(out, family);
  return out;
}

}  // namespace sockherd::metrics
