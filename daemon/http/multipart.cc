#include "daemon/http/multipart.h"

#include <algorithm>
#include <utility>

#include "daemon/http/characters.h"

namespace sockherd::http {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

// bchars of RFC 2046 section 5.1.1.
bool is_boundary(std::string_view text) {
  constexpr size_t kMostBytes = 70;
  const auto is_good = [](char c) {
    const char lower = to_lower(c);
    return is_digit(c) || (lower >= 'a' && lower <= 'z') ||
           std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= kMostBytes && text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), is_good);
}

// A token, or a quoted text with its escapes undone; takes it off `text`. A backslash counts before
// a quote and a backslash only: old programs send paths with them.
std::optional<std::string> take_value(std::string_view& text) {
  if (!text.starts_with('"')) {
    const size_t size = std::min(text.find_first_of("; \t"), text.size());
    std::string token(text.substr(0, size));
    text.remove_prefix(size);
    if (!is_all(kTokenByte, token)) return std::nullopt;
    return token;
  }
  std::string value;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) ++i;
    value += text[i];
  }
  return std::nullopt;
}

// Calls visit(name, value) for each "; name=value" of a field. False where it is badly formed.
template <typename Visit>
bool for_each_parameter(std::string_view text, const Visit& visit) {
  for (;;) {
    text = trim_blanks(text);
    if (text.empty()) return true;
    if (!text.starts_with(';')) return false;
    text = trim_blanks(text.substr(1));
    if (text.empty()) return true;  // a semicolon at the end
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string_view name = text.substr(0, equals);
    if (!is_all(kTokenByte, name)) return false;
    text.remove_prefix(equals + 1);
    std::optional<std::string> value = take_value(text);
    if (!value) return false;
    visit(name, std::move(*value));
  }
}

// What stands before the first semicolon; the rest stays in `text`.
std::string_view take_type(std::string_view& text) {
  const std::string_view type = trim_blanks(text.substr(0, text.find(';')));
  text.remove_prefix(std::min(text.find(';'), text.size()));
  return type;
}

bool read_disposition(std::string_view value, PartHead& head, bool& has_name) {
  if (!equals_ignore_case(take_type(value), "form-data")) return false;
  return for_each_parameter(value, [&](std::string_view name, std::string text) {
    if (equals_ignore_case(name, "name")) {
      has_name = true;
      head.name = std::move(text);
    } else if (equals_ignore_case(name, "filename")) {
      head.filename = std::move(text);
    }
  });
}

// The fields of a part. Null, or what is wrong.
const char* read_fields(std::string_view text, PartHead& head) {
  bool has_name = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find(kLineEnd));
    text.remove_prefix(std::min(line.size() + kLineEnd.size(), text.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_all(kTokenByte, line.substr(0, colon))) {
      return "a part has a malformed field";
    }
    const std::string_view value = trim_blanks(line.substr(colon + 1));
    if (!value.empty() && !is_all(kFieldByte, value)) return "a part has a malformed field";
    const std::string_view name = line.substr(0, colon);
    if (equals_ignore_case(name, "content-type")) head.content_type = value;
    if (!equals_ignore_case(name, "content-disposition")) continue;
    if (has_name || !read_disposition(value, head, has_name)) {
      return "a part has a malformed Content-Disposition";
    }
  }
  return has_name ? nullptr : "a part has no name";
}

}  // namespace

bool is_multipart_form(std::string_view content_type) {
  return equals_ignore_case(take_type(content_type), "multipart/form-data");
}

std::optional<std::string> multipart_boundary(std::string_view content_type) {
  if (!equals_ignore_case(take_type(content_type), "multipart/form-data")) return std::nullopt;
  std::optional<std::string> boundary;
  const bool is_good =
      for_each_parameter(content_type, [&](std::string_view name, std::string text) {
        if (equals_ignore_case(name, "boundary")) boundary = std::move(text);
      });
  if (!is_good || !boundary || !is_boundary(*boundary)) return std::nullopt;
  return boundary;
}

// The first delimiter has no line end in front of it, unless there is a preamble: so we put one.
MultipartReader::MultipartReader(std::string_view boundary, Sink& sink)
    : delimiter_("\r\n--" + std::string(boundary)), sink_(sink), buffer_(kLineEnd) {}

bool MultipartReader::feed(std::string_view piece) {
  if (state_ == State::Failed) return false;
  if (state_ == State::Epilogue) return true;  // to be ignored (RFC 2046 section 5.1.1)
  buffer_ += piece;
  while (state_ != State::Failed && state_ != State::Epilogue && step() == Step::Done) {
  }
  buffer_.erase(0, at_);
  at_ = 0;
  return state_ != State::Failed;
}

bool MultipartReader::finish() {
  if (state_ != State::Epilogue && state_ != State::Failed) fail("the last boundary is missing");
  return state_ == State::Epilogue;
}

MultipartReader::Step MultipartReader::fail(const char* why) {
  state_ = State::Failed;
  fault_ = why;
  return Step::NeedMore;
}

MultipartReader::Step MultipartReader::step() {
  switch (state_) {
    case State::Preamble:
      return skip_preamble();
    case State::Delimiter:
      return read_delimiter();
    case State::Head:
      return read_head();
    case State::Data:
      return read_data();
    case State::Epilogue:
    case State::Failed:
      break;
  }
  return Step::NeedMore;
}

MultipartReader::Step MultipartReader::skip_preamble() {
  const size_t found = left().find(delimiter_);
  if (found == std::string_view::npos) {
    if (left().size() >= delimiter_.size()) consume(left().size() - delimiter_.size() + 1);
    return Step::NeedMore;
  }
  consume(found + delimiter_.size());
  state_ = State::Delimiter;
  return Step::Done;
}

// Behind a delimiter: "--" is the end, else blanks and a line end.
MultipartReader::Step MultipartReader::read_delimiter() {
  constexpr size_t kMostPadding = 256;
  std::string_view text = left();
  if (text.size() < 2) return Step::NeedMore;
  if (text.starts_with("--")) {
    state_ = State::Epilogue;
    consume(text.size());
    return Step::Done;
  }
  const size_t blanks = std::min(text.find_first_not_of(" \t"), text.size());
  if (blanks > kMostPadding) return fail("a boundary is followed by too many blanks");
  text.remove_prefix(blanks);
  if (text.size() < 2) return Step::NeedMore;
  if (!text.starts_with(kLineEnd)) return fail("a boundary is followed by something else");
  consume(blanks + kLineEnd.size());
  state_ = State::Head;
  return Step::Done;
}

MultipartReader::Step MultipartReader::read_head() {
  constexpr std::string_view kEnd = "\r\n\r\n";
  const std::string_view text = left();
  if (text.starts_with(kLineEnd)) return fail("a part has no name");
  const size_t end = text.find(kEnd);
  if (std::min(end, text.size()) > kMostHeadBytes) return fail("the head of a part is too long");
  if (end == std::string_view::npos) return Step::NeedMore;
  if (++parts_ > kMostParts) return fail("there are too many parts");
  PartHead head;
  if (const char* wrong = read_fields(text.substr(0, end), head)) return fail(wrong);
  consume(end + kEnd.size());
  sink_.on_part(std::move(head));
  state_ = State::Data;
  return Step::Done;
}

MultipartReader::Step MultipartReader::read_data() {
  const std::string_view text = left();
  const size_t found = text.find(delimiter_);
  const bool is_end = found != std::string_view::npos;
  // What may be the begin of a delimiter waits for the rest.
  const size_t sure = is_end ? found : text.size() - std::min(text.size(), delimiter_.size() - 1);
  if (sure > 0) sink_.on_data(text.substr(0, sure));
  consume(sure);
  if (!is_end) return Step::NeedMore;
  consume(delimiter_.size());
  sink_.on_part_end();
  state_ = State::Delimiter;
  return Step::Done;
}

}  // namespace sockherd::http
