#include "admin/load/picture.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace sockherd::load {
namespace {

constexpr double kWidth = 900;
constexpr double kHeight = 640;
constexpr double kLeft = 90;
constexpr double kRight = 810;
constexpr const char* kGround = "#0d1520";
constexpr const char* kInk = "#e8eef5";
constexpr const char* kQuiet = "#9fb0c3";
constexpr const char* kLine = "#24344a";
constexpr const char* kFirst = "#4cc38a";
constexpr const char* kSecond = "#f5a524";

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '<')
      safe += "&lt;";
    else if (c == '>')
      safe += "&gt;";
    else if (c == '&')
      safe += "&amp;";
    else if (c == '\'')
      safe += "&#39;";
    else
      safe += c;
  }
  return safe;
}

struct Style {
  const char* colour = kQuiet;
  const char* anchor = "start";
  int size = 12;
};

std::string words(double x, double y, const std::string& text, Style style = {}) {
  return "<text x='" + number(x) + "' y='" + number(y) + "' font-size='" +
         std::to_string(style.size) + "' fill='" + style.colour + "' text-anchor='" + style.anchor +
         "' font-family='Inter,DejaVu Sans,Helvetica,Arial,sans-serif'>" + escaped(text) +
         "</text>\n";
}

std::string rule(double x1, double y1, double x2, double y2) {
  return "<line x1='" + number(x1) + "' y1='" + number(y1) + "' x2='" + number(x2) + "' y2='" +
         number(y2) + "' stroke='" + kLine + "' stroke-width='1'/>\n";
}

struct Point {
  double x;
  double y;
};

std::string curve(const std::vector<Point>& points, const char* colour) {
  std::string text = "<polyline fill='none' stroke='" + std::string(colour) +
                     "' stroke-width='2' stroke-linejoin='round' points='";
  for (const Point& point : points) text += number(point.x) + "," + number(point.y) + " ";
  return text + "'/>\n";
}

// One axis: 0 to the first of 1, 2, 5, 10, ... that is not below `most`.
double round_up(double most) {
  if (most <= 0) return 1;
  const double power = std::pow(10, std::floor(std::log10(most)));
  for (const double step : {1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 5.0, 6.0, 8.0, 10.0}) {
    if (step * power >= most) return step * power;
  }
  return 10 * power;
}

struct Panel {
  double top;
  double bottom;
  double most;

  double y(double value) const { return bottom - (bottom - top) * std::min(value / most, 1.0); }
};

enum class Side : uint8_t { Left, Right };

template <typename Name>
std::string scale(const Panel& panel, Side side, const char* colour, const Name& name) {
  std::string text;
  for (int i = 0; i <= 4; ++i) {
    const double value = panel.most * i / 4;
    const double y = panel.y(value);
    if (side == Side::Left) text += rule(kLeft, y, kRight, y);
    const double x = side == Side::Left ? kLeft - 8 : kRight + 8;
    text += words(x, y + 4, name(value), {colour, side == Side::Left ? "end" : "start"});
  }
  return text;
}

// Above: the latency that a share of all is not above; to the right each step is a nine more.
std::string distribution(const Report& report) {
  const Histogram& latency = *report.latency;
  const Panel panel{90, 310, round_up(static_cast<double>(latency.max()))};
  std::string text = words(kLeft, 78, "latency, from when it was due to the end of the answer",
                           {kInk, "start", 13});
  text += scale(panel, Side::Left, kQuiet, human_time);
  const double nines = std::clamp(
      std::ceil(std::log10(static_cast<double>(std::max<uint64_t>(latency.count(), 10)))), 2.0,
      6.0);
  const auto x_of = [nines](double share) {
    return kLeft + (kRight - kLeft) * -std::log10(1 - share) / nines;
  };
  constexpr Quantile kTicks[] = {{0, "0 %"},           {0.5, "50 %"},     {0.9, "90 %"},
                                 {0.99, "99 %"},       {0.999, "99.9 %"}, {0.9999, "99.99 %"},
                                 {0.99999, "99.999 %"}};
  for (const Quantile& tick : kTicks) {
    if (-std::log10(1 - tick.share) > nines) continue;
    text += rule(x_of(tick.share), panel.bottom, x_of(tick.share), panel.bottom + 5);
    text += words(x_of(tick.share), panel.bottom + 20, std::string(tick.name), {kQuiet, "middle"});
  }
  std::vector<Point> points;
  for (double at = 0; at <= nines; at += 0.02) {
    const double share = 1 - std::pow(10, -at);
    points.push_back({x_of(share), panel.y(static_cast<double>(latency.at(share)))});
  }
  return text + curve(points, kFirst);
}

// Below: what came each second, and how many connections were open.
std::string history(const Report& report) {
  const std::vector<Sample>& samples = report.samples;
  if (samples.size() < 2) return "";
  std::vector<Point> rates;  // x in seconds
  size_t before = 0;
  for (size_t i = 1; i < samples.size(); ++i) {
    const double seconds = samples[i].seconds - samples[before].seconds;
    if (seconds < 0.5) continue;  // the rest of the last second says little
    const auto came = static_cast<double>(samples[i].answered - samples[before].answered);
    rates.push_back({samples[i].seconds, seconds > 0 ? came / seconds : 0});
    before = i;
  }
  double most_rate = 0;
  for (const Point& rate : rates) most_rate = std::max(most_rate, rate.y);
  uint64_t most_open = 0;
  for (const Sample& sample : samples) most_open = std::max(most_open, sample.open);
  const Panel left{390, 570, round_up(most_rate)};
  const Panel right{390, 570, round_up(static_cast<double>(most_open) * 1.1)};
  const double end = round_up(std::max(samples.back().seconds, 0.1));
  const auto x_of = [end](double seconds) { return kLeft + (kRight - kLeft) * seconds / end; };
  std::string text = words(kLeft, 378, "answers a second", {kFirst, "start", 13});
  text += words(kRight, 378, "open connections", {kSecond, "end", 13});
  const auto plain = [](double value) { return grouped(static_cast<uint64_t>(value)); };
  text += scale(left, Side::Left, kFirst, plain);
  text += scale(right, Side::Right, kSecond, plain);
  for (int i = 0; i <= 4; ++i) {
    text += words(x_of(end * i / 4), 590, human_time(end * i / 4 * 1e9), {kQuiet, "middle"});
  }
  std::vector<Point> open;
  for (const Sample& sample : samples) {
    open.push_back({x_of(sample.seconds), right.y(static_cast<double>(sample.open))});
  }
  for (Point& rate : rates) rate = {x_of(rate.x), left.y(rate.y)};
  return text + curve(open, kSecond) + curve(rates, kFirst);
}

std::string summary(const Report& report) {
  const Histogram& latency = *report.latency;
  return grouped(report.get(Count::Opened)) + " connections, " +
         grouped(report.get(Count::Answered)) + " answers, " +
         grouped(static_cast<uint64_t>(report.rate())) + " a second, p50 " +
         human_time(static_cast<double>(latency.at(0.5))) + ", p99 " +
         human_time(static_cast<double>(latency.at(0.99))) + ", " + grouped(report.failed()) +
         " errors";
}

}  // namespace

std::string draw(const Report& report) {
  const std::string size = "width='" + number(kWidth) + "' height='" + number(kHeight) + "'";
  std::string text = "<svg xmlns='http://www.w3.org/2000/svg' " + size + " viewBox='0 0 " +
                     number(kWidth) + " " + number(kHeight) + "' role='img' aria-label='" +
                     escaped(summary(report)) + "'>\n<rect " + size + " rx='10' fill='" + kGround +
                     "'/>\n";
  text += words(kLeft - 60, 34, report.plan.target.url, {kInk, "start", 17});
  text += words(kLeft - 60, 54, summary(report), {kQuiet, "start", 13});
  if (report.latency->count() > 0) {
    text += distribution(report);
  } else {
    text += words(kLeft, 200, "nothing was sent", {kQuiet, "start", 13});
  }
  text += history(report);
  text += words(kLeft - 60, 622, "sockherdctl bench", {kQuiet, "start", 11});
  return text + "</svg>\n";
}

}  // namespace sockherd::load
