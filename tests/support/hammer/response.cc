#include "tests/support/hammer/response.h"

#include <strings.h>

#include <algorithm>
#include <charconv>

#include "daemon/base/parse.h"

namespace sockherd::hammer {
namespace {

constexpr size_t kMaxHead = 64 * 1024;

bool equals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

void ResponseReader::reset() {
  *this = ResponseReader{};
}

size_t ResponseReader::feed(std::string_view bytes) {
  size_t taken = 0;
  while (taken < bytes.size() && !is_done() && !is_malformed()) taken += take(bytes.substr(taken));
  total_ += taken;
  return taken;
}

void ResponseReader::on_end() {
  if (state_ == State::UntilEnd) state_ = State::Done;
}

size_t ResponseReader::take(std::string_view bytes) {
  switch (state_) {
    case State::Head:
      return take_line(bytes, "\r\n\r\n");
    case State::ChunkSize:
    case State::ChunkEnd:
    case State::Trailer:
      return take_line(bytes, "\r\n");
    default:
      return take_data(bytes);
  }
}

// Collects until `end` is complete, which may arrive in any number of pieces.
size_t ResponseReader::take_line(std::string_view bytes, std::string_view end) {
  const size_t before = line_.size();
  line_.append(bytes.substr(0, kMaxHead));
  const size_t at = line_.find(end, before < end.size() ? 0 : before - end.size());
  if (at == std::string::npos) {
    if (line_.size() > kMaxHead) state_ = State::Malformed;
    return line_.size() - before;
  }
  const size_t taken = at + end.size() - before;
  line_.resize(at);
  switch (state_) {
    case State::Head:
      on_head();
      break;
    case State::ChunkSize:
      on_chunk_size();
      break;
    case State::ChunkEnd:
      state_ = line_.empty() ? State::ChunkSize : State::Malformed;
      break;
    default:
      state_ = line_.empty() ? State::Done : State::Trailer;
      break;
  }
  line_.clear();
  return taken;
}

size_t ResponseReader::take_data(std::string_view bytes) {
  const size_t size =
      state_ == State::UntilEnd ? bytes.size() : std::min<uint64_t>(bytes.size(), left_);
  body_.append(bytes.substr(0, std::min(size, kBodyKept - std::min(kBodyKept, body_.size()))));
  body_size_ += size;
  if (state_ == State::UntilEnd) return size;
  left_ -= size;
  if (left_ == 0) state_ = state_ == State::ChunkData ? State::ChunkEnd : State::Done;
  return size;
}

void ResponseReader::on_head() {
  std::string_view head = line_;
  const std::string_view start = head.substr(0, head.find("\r\n"));
  const auto status = start.size() >= 12 ? parse_number<int>(start.substr(9, 3)) : std::nullopt;
  if (!start.starts_with("HTTP/1.") || start[8] != ' ' || !status) {
    state_ = State::Malformed;
    return;
  }
  status_ = *status;
  close_ = start[7] == '0';
  head.remove_prefix(start.size());
  while (head.starts_with("\r\n")) {
    head.remove_prefix(2);
    const std::string_view field = head.substr(0, head.find("\r\n"));
    const size_t colon = field.find(':');
    if (colon == std::string_view::npos)
      state_ = State::Malformed;
    else
      on_field(field.substr(0, colon), trimmed(field.substr(colon + 1)));
    head.remove_prefix(field.size());
  }
  if (state_ != State::Malformed) begin_body();
}

void ResponseReader::on_field(std::string_view name, std::string_view value) {
  if (equals(name, "content-length")) {
    const auto length = parse_number<uint64_t>(value);
    if (!length || has_length_) state_ = State::Malformed;
    left_ = length.value_or(0);
    has_length_ = true;
  } else if (equals(name, "transfer-encoding")) {
    chunked_ = equals(value, "chunked");
    if (!chunked_) state_ = State::Malformed;
  } else if (equals(name, "connection")) {
    if (equals(value, "close")) close_ = true;
  }
}

void ResponseReader::begin_body() {
  if (status_ >= 100 && status_ < 200) {
    *this = ResponseReader{};  // interim; the response is still to come
    return;
  }
  if (status_ == 204 || status_ == 304)
    state_ = State::Done;
  else if (chunked_)
    state_ = has_length_ ? State::Malformed : State::ChunkSize;
  else if (!has_length_)
    state_ = State::UntilEnd, close_ = true;
  else
    state_ = left_ == 0 ? State::Done : State::Fixed;
}

void ResponseReader::on_chunk_size() {
  const std::string_view digits = std::string_view(line_).substr(0, line_.find(';'));
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, left_, 16);
  if (error != std::errc{} || stop != end)
    state_ = State::Malformed;
  else
    state_ = left_ == 0 ? State::Trailer : State::ChunkData;
}

}  // namespace sockherd::hammer
