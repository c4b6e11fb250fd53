#include "tests/support/hammer/tally.h"

#include <algorithm>
#include <cstdio>

namespace sockherd::hammer {
namespace {

constexpr std::array<const char*, kModes> kModeNames = {"short", "keepalive", "slow"};
constexpr std::array<const char*, kOutcomes> kOutcomeNames = {
    "ok",           "refused", "reset",         "eof",       "short_answer",
    "wrong_answer", "timeout", "connect_error", "unfinished"};
constexpr size_t kFailuresKept = 20;
constexpr size_t kBodiesKept = 1000;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f", value);
  return text;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string latency_json(std::vector<uint32_t>& us) {
  std::sort(us.begin(), us.end());
  const auto at = [&us](double quantile) {
    if (us.empty()) return number(0);
    const auto index = static_cast<size_t>(quantile * static_cast<double>(us.size() - 1));
    return number(us[index] / 1000.0);
  };
  return "{\"p50\":" + at(0.5) + ",\"p90\":" + at(0.9) + ",\"p99\":" + at(0.99) +
         ",\"p999\":" + at(0.999) + ",\"max\":" + at(1) + "}";
}

// The members that a mode and the whole have in common, without braces.
std::string members_json(ModeTally& tally) {
  std::string out = "\"connections\":" + std::to_string(tally.connections);
  uint64_t requests = 0;
  for (size_t i = 0; i < kOutcomes; ++i) {
    out += ",\"" + std::string(kOutcomeNames[i]) + "\":" + std::to_string(tally.outcomes[i]);
    requests += tally.outcomes[i];
  }
  out += ",\"requests\":" + std::to_string(requests);
  out += ",\"failed\":" + std::to_string(requests - tally.outcomes[0]);
  out += ",\"slow\":" + std::to_string(tally.slow);
  out += ",\"syn_resent\":" + std::to_string(tally.syn_resent);
  out += ",\"idle_closed\":" + std::to_string(tally.idle_closed);
  if (tally.latencies_us.empty()) return out;
  return out + ",\"latency_ms\":" + latency_json(tally.latencies_us);
}

void add(ModeTally& sum, const ModeTally& part, Tally::Detail detail) {
  sum.connections += part.connections;
  for (size_t i = 0; i < kOutcomes; ++i) sum.outcomes[i] += part.outcomes[i];
  sum.slow += part.slow;
  sum.syn_resent += part.syn_resent;
  sum.idle_closed += part.idle_closed;
  if (detail == Tally::Detail::Counts) return;
  sum.latencies_us.insert(sum.latencies_us.end(), part.latencies_us.begin(),
                          part.latencies_us.end());
}

std::string failure_json(const Failure& failure) {
  return "{\"at\":" + number(failure.at_seconds) + ",\"mode\":\"" +
         kModeNames[static_cast<size_t>(failure.mode)] + "\",\"outcome\":\"" +
         kOutcomeNames[static_cast<size_t>(failure.outcome)] +
         "\",\"where\":" + quoted(failure.where) + "}";
}

}  // namespace

void Tally::on_answer(Mode mode, Duration latency, Duration slow_after) {
  ModeTally& tally = of(mode);
  ++tally.outcomes[static_cast<size_t>(Outcome::Ok)];
  if (latency > slow_after) ++tally.slow;
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(latency).count();
  tally.latencies_us.push_back(static_cast<uint32_t>(std::min<int64_t>(us, UINT32_MAX)));
}

void Tally::on_failure(Failure failure) {
  ++of(failure.mode).outcomes[static_cast<size_t>(failure.outcome)];
  if (first_failures_.size() < kFailuresKept) first_failures_.push_back(std::move(failure));
}

void Tally::on_body(const std::string& body) {
  if (bodies_.size() < kBodiesKept || bodies_.contains(body)) ++bodies_[body];
}

uint64_t Tally::count(Outcome outcome) const {
  uint64_t sum = 0;
  for (const ModeTally& tally : modes_) sum += tally.outcomes[static_cast<size_t>(outcome)];
  return sum;
}

std::string Tally::json(double seconds, Detail detail) const {
  ModeTally sum;
  for (const ModeTally& tally : modes_) add(sum, tally, detail);
  std::string out = "{\"seconds\":" + number(seconds) + "," + members_json(sum) + ",\"modes\":{";
  for (size_t i = 0; i < kModes; ++i) {
    ModeTally copy;
    add(copy, modes_[i], detail);
    out +=
        std::string(i == 0 ? "" : ",") + "\"" + kModeNames[i] + "\":{" + members_json(copy) + "}";
  }
  out += "},\"first_failures\":[";
  for (size_t i = 0; i < first_failures_.size(); ++i) {
    out += (i == 0 ? "" : ",") + failure_json(first_failures_[i]);
  }
  out += "],\"bodies\":{";
  for (auto it = bodies_.begin(); it != bodies_.end(); ++it) {
    out +=
        (it == bodies_.begin() ? "" : ",") + quoted(it->first) + ":" + std::to_string(it->second);
  }
  return out + "}}";
}

}  // namespace sockherd::hammer
