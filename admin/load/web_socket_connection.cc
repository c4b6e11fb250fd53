#include "admin/load/web_socket_connection.h"

#include <charconv>
#include <cstring>

#include "daemon/http/characters.h"
#include "daemon/websocket/close.h"
#include "daemon/websocket/frame.h"

namespace sockherd::load {
namespace {

using websocket::Opcode;
using websocket::Receiver;

bool has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const size_t end = list.find(',');
    if (http::equals_ignore_case(http::trim_blanks(list.substr(0, end)), token)) return true;
    list = end == std::string_view::npos ? "" : list.substr(end + 1);
  }
  return false;
}

bool is_deflate(std::string_view extensions) {
  return extensions.find("permessage-deflate") != std::string_view::npos &&
         extensions.find("server_no_context_takeover") != std::string_view::npos;
}

}  // namespace

std::string write_handshake(const Plan& plan) {
  std::string text = "GET " + plan.target.path + " HTTP/1.1\r\nHost: " + plan.target.field +
                     "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\n";
  if (!plan.subprotocol.empty()) text += "Sec-WebSocket-Protocol: " + plan.subprotocol + "\r\n";
  if (plan.deflate) {
    text +=
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
        "client_no_context_takeover\r\n";
  }
  for (const std::string& header : plan.headers) text += header + "\r\n";
  return text + "Sec-WebSocket-Key: ";
}

std::string make_payload(uint64_t bytes) {
  constexpr std::string_view kWords = "a herd of sockets grazes on every core, and none is lost; ";
  std::string payload;
  payload.reserve(bytes + kWords.size());
  while (payload.size() < bytes) payload += kWords;
  payload.resize(bytes);
  return payload;
}

Stamp stamp_of(uint64_t number) {
  Stamp stamp;
  stamp.fill('0');
  std::array<char, kStampBytes> digits{};
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  const auto size = static_cast<size_t>(end - digits.data());
  std::memcpy(stamp.data() + kStampBytes - size, digits.data(), size);
  return stamp;
}

std::optional<uint64_t> read_stamp(std::string_view payload) {
  if (payload.size() < kStampBytes) return std::nullopt;
  uint64_t number = 0;
  const char* end = payload.data() + kStampBytes;
  const auto [stop, error] = std::from_chars(payload.data(), end, number, 16);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::optional<std::string_view> handshake_fault(const http::ReceivedHead& head,
                                                std::string_view key, const Plan& plan) {
  if (head.status != 101) return "another status than 101";
  if (!http::equals_ignore_case(head.field("upgrade"), "websocket")) return "no Upgrade: websocket";
  if (!has_token(head.field("connection"), "upgrade")) return "no Connection: Upgrade";
  const websocket::Accept accept = websocket::accept_of(key);
  if (head.field("sec-websocket-accept") != std::string_view(accept.data(), accept.size())) {
    return "another Sec-WebSocket-Accept than that of the key";
  }
  const std::string_view extensions = head.field("sec-websocket-extensions");
  if (plan.deflate != is_deflate(extensions)) return "other extensions than were offered";
  if (!plan.deflate && !extensions.empty()) return "an extension that was not offered";
  const std::string_view chosen = head.field("sec-websocket-protocol");
  if (!chosen.empty() && !has_token(plan.subprotocol, chosen)) return "an unknown subprotocol";
  return std::nullopt;
}

void WebSocketConnection::on_connected() {
  state_ = State::Handshaking;
  unfinished_ = std::make_unique<Unfinished>(Receiver(receiver_terms(setting_.plan)));
  std::array<uint8_t, 16> drawn;
  const uint64_t random[2] = {setting_.next_random(), setting_.next_random()};
  std::memcpy(drawn.data(), random, drawn.size());
  unfinished_->key = websocket::key_of(drawn);
  setting_.scratch = setting_.request;
  setting_.scratch.append(unfinished_->key.data(), unfinished_->key.size()).append("\r\n\r\n");
  put_or_keep(setting_.scratch);
}

bool WebSocketConnection::take(std::span<char> bytes) {
  return state_ == State::Handshaking ? take_handshake(bytes) : take_frames(bytes);
}

bool WebSocketConnection::take_handshake(std::span<char> bytes) {
  std::string& rest = unfinished_->rest;
  rest.append(bytes.data(), bytes.size());
  const http::ReceivedHead& head = setting_.head;
  const http::ParseResult parse = http::parse_response_head(
      rest, kResponseLimits, {.upgrade = true}, setting_.head, unfinished_->scanned);
  if (parse.state == http::ParseState::Incomplete) return true;
  const std::string_view key(unfinished_->key.data(), unfinished_->key.size());
  if (parse.state == http::ParseState::Complete) setting_.tally.add_status(head.status);
  if (parse.state == http::ParseState::Refused || handshake_fault(head, key, setting_.plan)) {
    fail(Failure::Handshake);
    return false;
  }
  std::string behind = rest.substr(parse.consumed);  // the server may speak at once
  unfinished_.reset();
  set_open(setting_.loop.read_clock());
  return is_closed() || behind.empty() ? !is_closed() : take_frames(behind);
}

bool WebSocketConnection::take_frames(std::span<char> bytes) {
  std::string joined;
  if (unfinished_ && !unfinished_->rest.empty()) {
    joined = std::move(unfinished_->rest).append(bytes.data(), bytes.size());
    bytes = joined;
  }
  for (;;) {
    // A message may be answered at once, which makes nothing unfinished.
    Receiver& receiver = unfinished_ ? unfinished_->receiver : setting_.receiver;
    const Receiver::Step step = receiver.read(bytes);
    bytes = bytes.subspan(step.consumed);
    if (!take_step(step)) {
      setting_.receiver.restart(receiver_terms(setting_.plan));
      return false;
    }
    if (step.event == Receiver::Event::None) break;
  }
  keep(bytes);
  return true;
}

// What the receiver has begun stays with this; else it serves the others.
void WebSocketConnection::keep(std::span<char> bytes) {
  Receiver& receiver = unfinished_ ? unfinished_->receiver : setting_.receiver;
  if (receiver.is_idle() && bytes.empty()) {
    unfinished_.reset();
    return;
  }
  if (!unfinished_) {
    unfinished_ = std::make_unique<Unfinished>(std::move(setting_.receiver));
    setting_.receiver = Receiver(receiver_terms(setting_.plan));
  }
  unfinished_->rest.assign(bytes.data(), bytes.size());
}

// Returns false when this is closed.
bool WebSocketConnection::take_step(const Receiver::Step& step) {
  switch (step.event) {
    case Receiver::Event::None:
    case Receiver::Event::Pong:
      return true;
    case Receiver::Event::Ping:
      send_frame(Opcode::Pong, step.payload, false);
      return true;
    case Receiver::Event::Close:
      return take_close(step.code);
    case Receiver::Event::Failed:
      fail(Failure::BadAnswer);
      return false;
    case Receiver::Event::Message:
      break;
  }
  if (!step.is_compressed) return take_message(step.payload);
  using Outcome = websocket::Inflater::Outcome;
  const Outcome outcome =
      setting_.inflater.inflate(step.payload, setting_.plan.max_message_bytes, setting_.text);
  if (outcome == Outcome::Done) return take_message(setting_.text);
  fail(Failure::BadAnswer);
  return false;
}

// What stands in front of the echo that is expected next: whose it is, and which of its messages.
uint64_t WebSocketConnection::echo_stamp(uint32_t number_of_message) const {
  return uint64_t{number()} << 32 | number_of_message;
}

bool WebSocketConnection::take_message(std::string_view payload) {
  const Instant now = setting_.loop.read_clock();
  if (setting_.plan.task == Task::Listen) {
    const std::optional<uint64_t> due_ns = read_stamp(payload);
    const Instant due{Duration(static_cast<int64_t>(due_ns.value_or(0)))};
    setting_.owner.on_answered(*this, due_ns ? due : now);
    return !is_closed();
  }
  if (owed() == 0) return true;  // the server says something of its own
  const std::string_view wanted = setting_.payload;
  const size_t stamped = wanted.size() < kStampBytes ? 0 : kStampBytes;
  const bool is_ours = stamped == 0 || read_stamp(payload) == echo_stamp(received_);
  if (!is_ours || payload.size() != wanted.size() ||
      payload.substr(stamped) != wanted.substr(stamped)) {
    fail(Failure::WrongEcho);
    return false;
  }
  ++received_;
  const Instant due = settle(now);
  setting_.owner.on_answered(*this, due);
  return !is_closed();
}

bool WebSocketConnection::take_close(uint16_t code) {
  setting_.tally.add_close(code);
  has_close_ = true;
  if (state_ == State::Closing) return true;  // it answers ours, and ends the connection
  state_ = State::Closing;
  since_ = setting_.loop.now();
  std::array<char, websocket::kMaxControlPayload> room{};
  const size_t size = websocket::write_close(code, "", room);
  send_frame(Opcode::Close, {room.data(), size}, false);
  return true;
}

void WebSocketConnection::on_end() {
  if (state_ == State::Open || (state_ == State::Closing && !has_close_)) {
    setting_.tally.add_close(websocket::close_code::kAbnormal);
  }
  end();
}

void WebSocketConnection::on_closed() {
  unfinished_.reset();
  unsent_.reset();
  sent_ = received_ = 0;
  has_close_ = false;
}

void WebSocketConnection::finish() {
  state_ = State::Closing;
  since_ = setting_.loop.now();
  std::array<char, websocket::kMaxControlPayload> room{};
  const size_t size = websocket::write_close(websocket::close_code::kNormal, "", room);
  send_frame(Opcode::Close, {room.data(), size}, false);
}

void WebSocketConnection::write_message(Instant due) {
  std::string& payload = setting_.payload;
  if (payload.size() >= kStampBytes) {
    const bool listens = setting_.plan.task == Task::Listen;
    const Stamp stamp =
        stamp_of(listens ? static_cast<uint64_t>(due.since_boot.count()) : echo_stamp(sent_));
    std::memcpy(payload.data(), stamp.data(), stamp.size());
  }
  ++sent_;
  const Opcode opcode = setting_.plan.is_text ? Opcode::Text : Opcode::Binary;
  std::string& packed = setting_.text;
  if (setting_.plan.deflate &&
      setting_.deflater.deflate(payload, websocket::kMaxWindowBits, packed)) {
    send_frame(opcode, packed, true);
  } else {
    send_frame(opcode, payload, false);
  }
}

void WebSocketConnection::send_frame(Opcode opcode, std::string_view payload, bool is_compressed) {
  std::array<char, 4> key;
  const auto random = static_cast<uint32_t>(setting_.next_random());
  std::memcpy(key.data(), &random, key.size());
  setting_.scratch.clear();
  websocket::append_frame(setting_.scratch,
                          {.opcode = opcode,
                           .is_compressed = is_compressed,
                           .is_masked = true,
                           .mask = websocket::MaskingKey(key),
                           .payload_bytes = payload.size()},
                          payload);
  put_or_keep(setting_.scratch);
}

void WebSocketConnection::put_or_keep(std::string_view bytes) {
  if (unsent_) {
    unsent_->append(bytes);
    return;
  }
  const io::Outcome outcome = put(bytes);
  // What is broken is heard of when it is read.
  if (outcome.state != io::State::Blocked) return;
  unsent_ = std::make_unique<std::string>(bytes.substr(outcome.bytes));
}

void WebSocketConnection::flush() {
  if (!unsent_) return;
  const io::Outcome outcome = put(*unsent_);
  if (outcome.state == io::State::Blocked) {
    unsent_->erase(0, outcome.bytes);
  } else {
    unsent_.reset();
  }
}

}  // namespace sockherd::load
