#include "daemon/worker/proxy_answer.h"

#include <algorithm>
#include <cstring>

#include "daemon/http/trailers.h"

namespace sockherd::worker {

void ProxyAnswer::begin() {
  interims_ = 0;
  scanned_ = 0;
}

std::span<char> ProxyAnswer::room() {
  if (in_.room_bytes() == 0) in_.compact();
  return in_.room();
}

ProxyAnswer::Head ProxyAnswer::take_head(const http::ResponseLimits& limits,
                                         const http::AskedFor& asked, http::ReceivedHead& head) {
  const http::ParseResult parsed =
      http::parse_response_head(in_.bytes(), limits, asked, head, scanned_);
  if (parsed.state == http::ParseState::Incomplete) return Head::Incomplete;
  if (parsed.state == http::ParseState::Refused) return Head::Bad;
  in_.consume(parsed.consumed);
  scanned_ = 0;
  if (head.status == 101) return Head::Switch;
  if (!head.is_interim()) return Head::Final;
  return ++interims_ > http::kMostInterimResponses ? Head::Bad : Head::Interim;
}

bool ProxyAnswer::begin_content(const http::ReceivedHead& head, bool wants_trailers) {
  content_ = http::body_of(head);
  framing_ = head.framing;
  keeps_alive_ = head.keep_alive;
  wants_trailers_ = wants_trailers;
  trailer_lines_.clear();
  trailers_.clear();
  has_ended_ = false;
  return decode(in_.content(), pending_);
}

bool ProxyAnswer::add(size_t bytes) {
  const std::span<char> received = in_.room().first(bytes);
  in_.commit(bytes);
  size_t more = 0;
  if (!decode(received, more)) return false;
  std::memmove(in_.content().data() + pending_, received.data(), more);
  pending_ += more;
  return true;
}

bool ProxyAnswer::decode(std::span<char> bytes, size_t& content) {
  std::string_view rest(bytes.data(), bytes.size());
  content = 0;
  while (!content_.is_complete()) {
    const http::BodyReader::Step step = content_.read(rest);
    if (step.state == http::ParseState::Refused) return false;
    if (!step.data.empty() && step.data.data() != bytes.data() + content) {
      std::memmove(bytes.data() + content, step.data.data(), step.data.size());
    }
    content += step.data.size();
    if (wants_trailers_) trailer_lines_ += step.trailers;
    rest.remove_prefix(step.consumed);
    if (step.consumed == 0) break;
  }
  if (!rest.empty()) keeps_alive_ = false;  // nobody has asked for that
  return true;
}

bool ProxyAnswer::end() {
  has_ended_ = framing_ == http::Framing::UntilClose;
  return has_ended_;
}

size_t ProxyAnswer::take_pending(std::span<char> room) {
  const size_t count = std::min(pending_, room.size());
  if (count > 0) std::memcpy(room.data(), in_.bytes().data(), count);
  in_.consume(count);
  pending_ -= count;
  if (pending_ == 0) in_.clear();
  return count;
}

void ProxyAnswer::finish_trailers() {
  if (trailer_lines_.empty()) return;
  trailers_.resize(http::RequestHead::kMaxFields);
  const auto parsed = http::parse_trailers(trailer_lines_, trailers_);
  trailers_.resize(parsed ? parsed->size() : 0);
}

void ProxyAnswer::clear() {
  pending_ = 0;
  in_.clear();
}

}  // namespace sockherd::worker
