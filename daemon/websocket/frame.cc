#include "daemon/websocket/frame.h"

namespace sockherd::websocket {
namespace {

constexpr unsigned kFinal = 0x80;
constexpr unsigned kRsv1 = 0x40;
constexpr unsigned kRsv23 = 0x30;
constexpr unsigned kOpcode = 0x0f;
constexpr unsigned kMasked = 0x80;
constexpr unsigned kLength = 0x7f;
constexpr unsigned kLength16 = 126;
constexpr unsigned kLength64 = 127;

unsigned byte_at(std::string_view bytes, size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

bool is_known(unsigned opcode) {
  return opcode <= 2 || (opcode >= 8 && opcode <= 10);
}

FrameParse refused(const char* reason) {
  return {.state = FrameParse::State::Refused, .reason = reason};
}

// What the first byte says, or what is wrong with it.
const char* judge_first(unsigned first, Extension extension) {
  const unsigned opcode = first & kOpcode;
  if ((first & kRsv23) != 0) return "a reserved bit is set";
  if (!is_known(opcode)) return "unknown opcode";
  if (is_control(Opcode{static_cast<uint8_t>(opcode)})) {
    if ((first & kFinal) == 0) return "fragmented control frame";
    if ((first & kRsv1) != 0) return "compressed control frame";
  }
  if ((first & kRsv1) != 0 && extension == Extension::None) return "a reserved bit is set";
  return nullptr;
}

const char* judge_second(unsigned second, Opcode opcode, Role role) {
  const bool is_masked = (second & kMasked) != 0;
  if (role == Role::Server && !is_masked) return "frame of a client without mask";
  if (role == Role::Client && is_masked) return "frame of a server with mask";
  if (is_control(opcode) && (second & kLength) > kMaxControlPayload) {
    return "control frame with more than 125 bytes";
  }
  return nullptr;
}

uint64_t big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) value = value << 8 | byte_at(bytes, i);
  return value;
}

// Section 5.2: "the minimal number of bytes MUST be used", and the highest bit is 0.
const char* judge_length(uint64_t length, size_t length_bytes) {
  if (length_bytes == 2 && length <= kMaxControlPayload) return "length in more bytes than needed";
  if (length_bytes == 8 && length <= UINT16_MAX) return "length in more bytes than needed";
  if (length >> 63 != 0) return "length with its highest bit set";
  return nullptr;
}

}  // namespace

FrameParse parse_frame_head(std::string_view bytes, Role role, Extension extension,
                            FrameHead& head) {
  if (bytes.empty()) return {};
  const unsigned first = byte_at(bytes, 0);
  if (const char* fault = judge_first(first, extension)) return refused(fault);
  head.opcode = Opcode{static_cast<uint8_t>(first & kOpcode)};
  head.is_final = (first & kFinal) != 0;
  head.is_compressed = (first & kRsv1) != 0;
  if (bytes.size() < 2) return {};
  const unsigned second = byte_at(bytes, 1);
  if (const char* fault = judge_second(second, head.opcode, role)) return refused(fault);
  head.is_masked = (second & kMasked) != 0;
  head.payload_bytes = second & kLength;
  size_t at = 2;
  if (head.payload_bytes >= kLength16) {
    const size_t length_bytes = head.payload_bytes == kLength16 ? 2 : 8;
    if (bytes.size() < at + length_bytes) return {};
    head.payload_bytes = big_endian(bytes.substr(at, length_bytes));
    if (const char* fault = judge_length(head.payload_bytes, length_bytes)) return refused(fault);
    at += length_bytes;
  }
  if (head.is_masked) {
    if (bytes.size() < at + 4) return {};
    head.mask = MaskingKey({bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]});
    at += 4;
  }
  return {.state = FrameParse::State::Complete, .bytes = static_cast<uint8_t>(at)};
}

size_t write_frame_head(const FrameHead& head, std::span<char, kMaxFrameHead> room) {
  size_t at = 0;
  const auto put = [&room, &at](uint64_t byte) { room[at++] = static_cast<char>(byte); };
  put((head.is_final ? kFinal : 0) | (head.is_compressed ? kRsv1 : 0) |
      static_cast<unsigned>(head.opcode));
  const unsigned masked = head.is_masked ? kMasked : 0;
  if (head.payload_bytes <= kMaxControlPayload) {
    put(masked | head.payload_bytes);
  } else {
    const bool is_short = head.payload_bytes <= UINT16_MAX;
    put(masked | (is_short ? kLength16 : kLength64));
    for (int shift = is_short ? 8 : 56; shift >= 0; shift -= 8) {
      put(head.payload_bytes >> shift & 0xff);
    }
  }
  if (head.is_masked) {
    for (const char byte : head.mask.bytes()) room[at++] = byte;
  }
  return at;
}

void append_frame(std::string& to, FrameHead head, std::string_view payload) {
  std::array<char, kMaxFrameHead> bytes{};
  head.payload_bytes = payload.size();
  to.append(bytes.data(), write_frame_head(head, bytes));
  const size_t at = to.size();
  to.append(payload);
  if (head.is_masked) head.mask.apply({to.data() + at, payload.size()});
}

}  // namespace sockherd::websocket
