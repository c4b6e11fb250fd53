#include "admin/load/response.h"

namespace sockherd::load {

using http::ParseState;

ResponseReader::Step ResponseReader::read(std::string_view bytes, http::ReceivedHead& scratch) {
  size_t before = 0;
  while (!in_body_) {
    const http::ParseResult parse = http::parse_response_head(
        bytes.substr(before), kResponseLimits, {.method = asked_}, scratch, scanned_);
    if (parse.state != ParseState::Complete) return {parse.state, before, parse.reason};
    before += parse.consumed;
    scanned_ = 0;
    if (scratch.is_interim()) {
      if (++interim_ > http::kMostInterimResponses) {
        return {ParseState::Refused, before, "too many interim responses"};
      }
      continue;
    }
    in_body_ = true;
    status_ = scratch.status;
    keeps_alive_ = scratch.keep_alive;
    until_end_ = scratch.framing == http::Framing::UntilClose;
    body_ = http::body_of(scratch);
  }
  return read_body(bytes.substr(before), before);
}

ResponseReader::Step ResponseReader::read_body(std::string_view bytes, size_t before) {
  if (until_end_) return {ParseState::Incomplete, before + bytes.size(), ""};
  for (;;) {
    const http::BodyReader::Step step = body_.read(bytes);
    before += step.consumed;
    bytes.remove_prefix(step.consumed);
    if (step.state == ParseState::Complete) in_body_ = false;
    if (step.state != ParseState::Incomplete || step.consumed == 0) {
      return {step.state, before, step.reason};
    }
  }
}

}  // namespace sockherd::load
