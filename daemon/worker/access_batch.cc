#include "daemon/worker/access_batch.h"

#include <algorithm>
#include <utility>

#include "daemon/base/assert.h"
#include "daemon/worker/access_log.h"

namespace sockherd::worker {
namespace {

constexpr std::string_view kCut = "...";
constexpr size_t kVersionBytes = std::string_view(" HTTP/1.1").size();

// Requests that are logged already and still held, because others behind them are not.
constexpr size_t kMostHeld = 32;

// What a client may send in front of a request line (RFC 9112 section 2.2) is none of it.
std::string_view first_line(std::string_view came) {
  came.remove_prefix(std::min(came.find_first_not_of("\r\n"), came.size()));
  return came.substr(0, came.find_first_of("\r\n"));
}

// One piece of the client's bytes: METHOD SP target SP version.
std::string_view request_line(const http::RequestHead& head) {
  const char* begin = head.method_text.data();
  const char* end = head.target.data() + head.target.size() + kVersionBytes;
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace

void AccessBatchReturn::operator()(AccessBatch* batch) const {
  batch->abandon();
  batch->log_.free_.emplace_back(batch);
}

void AccessBatch::begin(const ClientAddress& client) {
  client_ = client;
  sent_ = 0;
}

AccessBatch::Entry& AccessBatch::add(Instant began) {
  Entry& entry = entries_.emplace_back();
  entry.facts.began = began.since_boot;
  entry.facts.client = client_;
  entry.texts_at = texts_.size();
  return entry;
}

uint16_t AccessBatch::add_text(std::string_view text, size_t most) {
  if (text.size() <= most) {
    texts_ += text;
    return static_cast<uint16_t>(text.size());
  }
  texts_ += text.substr(0, most - kCut.size());
  texts_ += kCut;
  return static_cast<uint16_t>(most);
}

// One that is cut still has three parts.
uint16_t AccessBatch::add_request_line(const http::RequestHead& head) {
  const std::string_view line = request_line(head);
  if (line.size() <= AccessLimits::kLine) return add_text(line, AccessLimits::kLine);
  const size_t from = texts_.size();
  add_text(head.method_text, AccessLimits::kLine / 4);
  texts_ += ' ';
  add_text(head.target, AccessLimits::kLine / 2);
  texts_ += line.substr(line.size() - kVersionBytes);
  return static_cast<uint16_t>(texts_.size() - from);
}

void AccessBatch::open(const http::RequestHead& head, Instant began) {
  AccessFacts& facts = add(began).facts;
  facts.is_valid = true;
  facts.line_bytes = add_request_line(head);
  facts.referer_bytes = add_text(head.field("Referer"), AccessLimits::kReferer);
  facts.user_agent_bytes = add_text(head.field("User-Agent"), AccessLimits::kUserAgent);
  facts.host_bytes = add_text(head.host, AccessLimits::kHost);
}

void AccessBatch::open(std::string_view came, Instant began) {
  AccessFacts& facts = add(began).facts;
  facts.line_bytes = add_text(first_line(came), AccessLimits::kLine);
}

void AccessBatch::answered(int status, uint64_t content_at, uint64_t end) {
  SH_ASSERT(is_open());
  Entry& entry = entries_.back();
  entry.is_answered = true;
  entry.facts.status = static_cast<uint16_t>(status);
  entry.content_at = sent_ + content_at;
  entry.end = end == kNotKnown ? kNotKnown : sent_ + end;
}

void AccessBatch::sent(uint64_t bytes, bool is_all, Instant now) {
  sent_ += bytes;
  while (logged_ < entries_.size()) {
    Entry& entry = entries_[logged_];
    if (!entry.is_answered || (!is_all && entry.end > sent_)) return forget_logged();
    entry.facts.is_complete = true;
    log(entry, now);
  }
  clear();
}

// What has left of its content, and when.
void AccessBatch::log(Entry& entry, Instant now) {
  ++logged_;
  AccessFacts& facts = entry.facts;
  const uint64_t end = std::min(entry.end, sent_);
  facts.content_bytes = entry.is_answered && end > entry.content_at ? end - entry.content_at : 0;
  facts.took = now.since_boot - facts.began;
  log_.push(facts, std::string_view(texts_).substr(entry.texts_at, facts.text_bytes()));
}

void AccessBatch::abandon() {
  while (logged_ < entries_.size()) {
    Entry& entry = entries_[logged_];
    if (!entry.is_answered) entry.facts.status = kClientGone;
    log(entry, log_.now());
  }
  clear();
}

// A client that always has a further request under way must not make us grow.
void AccessBatch::forget_logged() {
  if (logged_ < kMostHeld) return;
  const size_t texts = entries_[logged_].texts_at;
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(logged_));
  texts_.erase(0, texts);
  for (Entry& entry : entries_) entry.texts_at -= texts;
  logged_ = 0;
}

void AccessBatch::clear() {
  entries_.clear();
  texts_.clear();
  logged_ = 0;
}

}  // namespace sockherd::worker
