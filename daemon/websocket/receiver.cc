#include "daemon/websocket/receiver.h"

#include <algorithm>

#include "daemon/websocket/close.h"

namespace sockherd::websocket {
namespace {

// What a message may have taken without being given back.
constexpr size_t kKeptCapacity = size_t{64} * 1024;

// Reserved for a frame at most, on the word of its head.
constexpr uint64_t kReserved = uint64_t{64} * 1024;

std::string_view view(std::span<const char> bytes) {
  return {bytes.data(), bytes.size()};
}

}  // namespace

void Receiver::restart(Terms terms) {
  terms_ = terms;
  left_ = 0;
  utf8_ = {};
  in_message_ = in_frame_ = is_handed_out_ = has_failed_ = false;
  message_.clear();
  if (message_.capacity() > kKeptCapacity) std::string().swap(message_);
}

Receiver::Step Receiver::read(std::span<char> bytes) {
  if (has_failed_) return {.consumed = bytes.size()};
  if (is_handed_out_) {
    is_handed_out_ = false;
    message_.clear();
    if (message_.capacity() > kKeptCapacity) std::string().swap(message_);
  }
  if (in_frame_) return take_payload(bytes, 0);
  return take_frame_head(bytes);
}

Receiver::Step Receiver::take_frame_head(std::span<char> bytes) {
  const FrameParse parse = parse_frame_head(view(bytes), terms_.role, terms_.extension, frame_);
  switch (parse.state) {
    case FrameParse::State::Incomplete:
      return {};
    case FrameParse::State::Refused:
      return fail(close_code::kProtocolError, parse.reason);
    case FrameParse::State::Complete:
      break;
  }
  if (is_control(frame_.opcode)) return take_control(bytes.subspan(parse.bytes));
  return begin_data_frame(bytes);
}

// It is short: waits for all of it.
Receiver::Step Receiver::take_control(std::span<char> bytes) {
  const size_t size = frame_.payload_bytes;
  if (bytes.size() < size) return {};
  const std::span<char> payload = bytes.first(size);
  if (frame_.is_masked) frame_.mask.apply(payload);
  Step step{.consumed = frame_head_bytes(size, frame_.is_masked) + size, .payload = view(payload)};
  if (frame_.opcode != Opcode::Close) {
    step.event = frame_.opcode == Opcode::Ping ? Event::Ping : Event::Pong;
    return step;
  }
  const CloseParse close = parse_close(step.payload);
  if (close.fault != 0) return fail(close.fault, close.why);
  step.event = Event::Close;
  step.code = close.code;
  step.reason = close.reason;
  return step;
}

Receiver::Step Receiver::begin_data_frame(std::span<char> bytes) {
  const bool continues = frame_.opcode == Opcode::Continuation;
  if (continues != in_message_) {
    return fail(close_code::kProtocolError,
                continues ? "continuation without a message" : "a message within another");
  }
  // RFC 7692 section 6.1: the bit is of the message, and stands in its first frame.
  if (continues && frame_.is_compressed) {
    return fail(close_code::kProtocolError, "a reserved bit is set in a continuation");
  }
  if (frame_.payload_bytes > terms_.max_message_bytes - message_.size()) {
    return fail(close_code::kTooBig, "the message is longer than this server takes");
  }
  if (!continues) {
    kind_ = frame_.opcode == Opcode::Text ? Kind::Text : Kind::Binary;
    is_compressed_ = frame_.is_compressed;
    utf8_ = {};
  }
  in_message_ = in_frame_ = true;
  left_ = frame_.payload_bytes;
  const size_t head = frame_head_bytes(frame_.payload_bytes, frame_.is_masked);
  return take_payload(bytes.subspan(head), head);
}

Receiver::Step Receiver::take_payload(std::span<char> bytes, size_t consumed) {
  const std::span<char> piece = bytes.first(std::min<uint64_t>(left_, bytes.size()));
  if (frame_.is_masked) frame_.mask.apply(piece);
  if (needs_utf8() && !utf8_.accept(view(piece))) {
    return fail(close_code::kNotConsistent, "text that is not UTF-8");
  }
  left_ -= piece.size();
  consumed += piece.size();
  if (left_ == 0) return end_frame(view(piece), consumed);
  if (message_.empty()) message_.reserve(std::min(frame_.payload_bytes, kReserved));
  message_.append(piece.data(), piece.size());
  return {.consumed = consumed};
}

Receiver::Step Receiver::end_frame(std::string_view last, size_t consumed) {
  in_frame_ = false;
  if (!frame_.is_final) {
    message_.append(last);
    return {.consumed = consumed};
  }
  if (needs_utf8() && !utf8_.is_whole()) {
    return fail(close_code::kNotConsistent, "text that ends within a character");
  }
  in_message_ = false;
  Step step{.event = Event::Message,
            .consumed = consumed,
            .kind = kind_,
            .is_compressed = is_compressed_,
            .payload = last};
  if (message_.empty()) return step;
  message_.append(last);
  is_handed_out_ = true;
  step.payload = message_;
  return step;
}

Receiver::Step Receiver::fail(uint16_t code, const char* reason) {
  has_failed_ = true;
  return {.event = Event::Failed, .code = code, .reason = reason};
}

}  // namespace sockherd::websocket
