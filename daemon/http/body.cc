#include "daemon/http/body.h"

#include <algorithm>

#include "daemon/http/characters.h"

// Every state consumes every byte that it is given, so the caller never has to keep a piece of
// framing until the rest of it comes, and the verdict can not depend on how the bytes were cut.
namespace sockherd::http {
namespace {

constexpr size_t kMaxSizeDigits = 16;        // of a uint64_t
constexpr size_t kMaxExtensionBytes = 256;   // a chunk line
constexpr size_t kMaxExtensionTotal = 4096;  // a body; else one-byte chunks are all overhead

}  // namespace

enum class BodyReader::State : uint8_t {
  Content,         // of the length, or of the current chunk
  ChunkSize,       // the hexadecimal digits
  ChunkExtension,  // behind the digits
  ChunkSizeLf,     // the LF of the size line
  ChunkCr,         // CR behind the content of a chunk
  ChunkLf,         //
  TrailerStart,    // of a trailer line, or of the empty line
  TrailerName,     //
  TrailerValue,    //
  TrailerLf,       // the LF of a trailer line
  LastLf,          // the LF of the empty line
  Complete,
  Refused
};

BodyReader::BodyReader() : state_(State::Complete) {}

BodyReader::BodyReader(BodyKind kind, uint64_t content_length, uint64_t max_bytes)
    : kind_(kind), max_bytes_(max_bytes) {
  if (kind == BodyKind::Chunked) {
    state_ = State::ChunkSize;
  } else if (kind == BodyKind::None || content_length == 0) {
    state_ = State::Complete;
  } else if (content_length > max_bytes) {
    refuse(413, "content too large");
  } else {
    state_ = State::Content;
    remaining_ = content_length;
  }
}

bool BodyReader::is_complete() const {
  return state_ == State::Complete;
}

bool BodyReader::refuse(int status, const char* reason) {
  state_ = State::Refused;
  status_ = status;
  reason_ = reason;
  return false;
}

BodyReader::Step BodyReader::read(std::string_view bytes) {
  Step step;
  while (step.consumed < bytes.size() && step.data.empty() && state_ != State::Complete &&
         state_ != State::Refused) {
    if (state_ == State::Content) {
      step.data = take_content(bytes.substr(step.consumed));
      step.consumed += step.data.size();
    } else if (is_in_trailer_line()) {
      step.trailers = take_trailers(bytes.substr(step.consumed), step.consumed);
    } else if (take_framing(bytes[step.consumed])) {
      ++step.consumed;
    }
  }
  if (state_ == State::Complete) step.state = ParseState::Complete;
  if (state_ == State::Refused) {
    step.state = ParseState::Refused;
    step.status = status_;
    step.reason = reason_;
  }
  return step;
}

std::string_view BodyReader::take_content(std::string_view bytes) {
  const std::string_view data =
      bytes.substr(0, static_cast<size_t>(std::min<uint64_t>(remaining_, bytes.size())));
  remaining_ -= data.size();
  content_bytes_ += data.size();
  if (remaining_ == 0) {
    state_ = kind_ == BodyKind::Length ? State::Complete : State::ChunkCr;
  }
  return data;
}

// One byte of chunked framing (RFC 9112 section 7.1). Returns false when the body is refused.
bool BodyReader::take_framing(char byte) {
  switch (state_) {
    case State::ChunkSize:
      return take_size_byte(byte);
    case State::ChunkExtension:
      return take_extension_byte(byte);
    case State::ChunkSizeLf:
      return byte == '\n' ? begin_chunk() : refuse(400, "bare CR in a chunk size line");
    case State::ChunkCr:
      if (byte != '\r') return refuse(400, "no CRLF behind a chunk");
      state_ = State::ChunkLf;
      return true;
    case State::ChunkLf:
      if (byte != '\n') return refuse(400, "no CRLF behind a chunk");
      state_ = State::ChunkSize;
      return true;
    case State::Content:
    case State::Complete:
    case State::Refused:
    case State::TrailerStart:
    case State::TrailerName:
    case State::TrailerValue:
    case State::TrailerLf:
      break;  // take_trailers() has these
    case State::LastLf:
      if (byte != '\n') return refuse(400, "bare CR in a trailer");
      state_ = State::Complete;
      return true;
  }
  return refuse(400, "bad chunked body");
}

// chunk-size = 1*HEXDIG, and an extension or the line end. A blank is only good where an extension
// follows: RFC 9112 section 7.1.1 has no blanks before the line end.
bool BodyReader::take_size_byte(char byte) {
  const int digit = hex_value(byte);
  if (digit >= 0) {
    if (++line_bytes_ > kMaxSizeDigits) return refuse(400, "chunk size too long");
    remaining_ = remaining_ << 4U | static_cast<uint64_t>(digit);
    return true;
  }
  if (line_bytes_ == 0) return refuse(400, "no chunk size");
  if (byte != '\r' && byte != ';' && !is_blank(byte)) return refuse(400, "bad chunk size");
  line_bytes_ = 0;
  state_ = byte == '\r' ? State::ChunkSizeLf : State::ChunkExtension;
  extension_.begin(byte);
  return true;
}

// RFC 9112 section 7.1.1: the length of extensions SHOULD be limited.
bool BodyReader::take_extension_byte(char byte) {
  if (byte == '\r') {
    state_ = State::ChunkSizeLf;
    return extension_.is_whole() || refuse(400, "bad chunk extension");
  }
  if (!extension_.take(byte)) return refuse(400, "bad chunk extension");
  ++extension_bytes_;
  if (++line_bytes_ > kMaxExtensionBytes || extension_bytes_ > kMaxExtensionTotal) {
    return refuse(400, "chunk extensions too long");
  }
  return true;
}

bool BodyReader::begin_chunk() {
  line_bytes_ = 0;
  if (remaining_ == 0) {
    state_ = State::TrailerStart;
    return true;
  }
  if (remaining_ > max_bytes_ - content_bytes_) return refuse(413, "content too large");
  state_ = State::Content;
  return true;
}

bool BodyReader::is_in_trailer_line() const {
  return state_ >= State::TrailerStart && state_ <= State::TrailerLf;
}

// The bytes of trailer lines that the text begins with; the CR of the empty line is consumed, too,
// and not among them.
std::string_view BodyReader::take_trailers(std::string_view bytes, size_t& consumed) {
  size_t size = 0;
  while (size < bytes.size() && is_in_trailer_line() && take_trailer_byte(bytes[size])) {
    ++consumed;
    if (state_ != State::LastLf) ++size;
  }
  return bytes.substr(0, size);
}

// Trailers obey the rules of fields (RFC 9112 section 7.1.2).
bool BodyReader::take_trailer_byte(char byte) {
  if (++line_bytes_ > kMaxTrailerBytes) return refuse(431, "trailers too long");
  switch (state_) {
    case State::TrailerStart:
      if (byte == '\r') {
        state_ = State::LastLf;
        return true;
      }
      state_ = State::TrailerName;
      return is_in(kTokenByte, byte) || refuse(400, "bad trailer name");
    case State::TrailerName:
      if (byte == ':') {
        state_ = State::TrailerValue;
        return true;
      }
      return is_in(kTokenByte, byte) || refuse(400, "bad trailer name");
    case State::TrailerValue:
      if (byte == '\r') {
        state_ = State::TrailerLf;
        return true;
      }
      return is_in(kFieldByte, byte) || refuse(400, "bad byte in a trailer");
    default:
      state_ = State::TrailerStart;
      return byte == '\n' || refuse(400, "bare CR in a trailer");
  }
}

}  // namespace sockherd::http
