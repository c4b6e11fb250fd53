#include "daemon/websocket/deflate_terms.h"

#include <cstddef>

#include "daemon/http/characters.h"

namespace sockherd::websocket {
namespace {

using http::equals_ignore_case;

// Reads extension-list of RFC 6455 section 9.1:
//
//   extension *( "," extension ), extension = token *( ";" token [ "=" ( token / quoted-string ) ]
//   )
class Reader {
 public:
  explicit Reader(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool is_at_end() {
    skip_blanks();
    return at_ == end_;
  }
  bool take(char c) {
    skip_blanks();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  std::string_view take_token() {
    skip_blanks();
    const char* begin = at_;
    at_ = http::skip(http::kTokenByte, at_, end_);
    return {begin, static_cast<size_t>(at_ - begin)};
  }
  // Section 9.1: what is quoted is a token, once the quotes are off. Nothing where it is not.
  std::optional<std::string> take_value() {
    if (!take('"')) {
      const std::string_view token = take_token();
      return token.empty() ? std::nullopt : std::optional<std::string>(token);
    }
    std::string value;
    for (; at_ != end_ && *at_ != '"'; ++at_) {
      if (*at_ == '\\' && ++at_ == end_) return std::nullopt;
      value += *at_;
    }
    if (at_ == end_ || !http::is_all(http::kTokenByte, value)) return std::nullopt;
    ++at_;
    return value;
  }

 private:
  void skip_blanks() {
    while (at_ != end_ && http::is_blank(*at_)) ++at_;
  }

  const char* at_;
  const char* end_;
};

// Section 7.1.2: 8 to 15, without leading zeros.
std::optional<uint8_t> window_bits_of(std::string_view value) {
  if (value == "8" || value == "9") return static_cast<uint8_t>(value[0] - '0');
  if (value.size() != 2 || value[0] != '1' || value[1] < '0' || value[1] > '5') return std::nullopt;
  return static_cast<uint8_t>(10 + (value[1] - '0'));
}

// One offer of permessage-deflate.
class Offer {
 public:
  void note(std::string_view name, const std::optional<std::string>& value) {
    if (equals_ignore_case(name, "server_no_context_takeover")) {
      note_flag(server_no_context_, value);
    } else if (equals_ignore_case(name, "client_no_context_takeover")) {
      note_flag(client_no_context_, value);
    } else if (equals_ignore_case(name, "server_max_window_bits")) {
      note_bits(server_window_, value, /*may_be_bare=*/false);
    } else if (equals_ignore_case(name, "client_max_window_bits")) {
      // We inflate with the largest window, whatever the client keeps to.
      note_bits(client_window_, value, /*may_be_bare=*/true);
    } else {
      is_acceptable_ = false;
    }
  }

  std::optional<DeflateTerms> terms() const {
    if (!is_acceptable_) return std::nullopt;
    DeflateTerms terms;
    terms.says_server_window = server_window_ != 0;
    if (terms.says_server_window) terms.server_window_bits = server_window_;
    return terms;
  }

 private:
  void note_flag(bool& flag, const std::optional<std::string>& value) {
    if (flag || value) is_acceptable_ = false;
    flag = true;
  }
  void note_bits(uint8_t& bits, const std::optional<std::string>& value, bool may_be_bare) {
    const auto parsed = value ? window_bits_of(*value) : std::nullopt;
    if (bits != 0 || (value ? !parsed : !may_be_bare)) is_acceptable_ = false;
    bits = parsed.value_or(kMaxWindowBits);
  }

  bool server_no_context_ = false;
  bool client_no_context_ = false;
  uint8_t server_window_ = 0;  // 0: not there
  uint8_t client_window_ = 0;
  bool is_acceptable_ = true;
};

// Reads one line of the field, and takes the first offer that can be taken. Returns whether it
// follows the grammar.
bool read_line(std::string_view line, std::optional<DeflateTerms>& terms) {
  Reader reader(line);
  while (!reader.is_at_end()) {
    if (reader.take(',')) continue;  // empty elements, RFC 9110 section 5.6.1.2
    const std::string_view name = reader.take_token();
    if (name.empty()) return false;
    Offer offer;
    while (reader.take(';')) {
      const std::string_view parameter = reader.take_token();
      if (parameter.empty()) return false;
      std::optional<std::string> value;
      if (reader.take('=') && !(value = reader.take_value())) return false;
      offer.note(parameter, value);
    }
    if (!reader.is_at_end() && !reader.take(',')) return false;
    if (!terms && equals_ignore_case(name, "permessage-deflate")) terms = offer.terms();
  }
  return true;
}

}  // namespace

std::string DeflateTerms::answer() const {
  std::string text = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  if (says_server_window) {
    text += "; server_max_window_bits=" + std::to_string(server_window_bits);
  }
  return text;
}

DeflateNegotiation negotiate_deflate(const http::RequestHead& head) {
  DeflateNegotiation negotiation;
  for (const http::Field& field : head.fields()) {
    if (!equals_ignore_case(field.name, "sec-websocket-extensions")) continue;
    if (!read_line(field.value, negotiation.terms)) return {.is_malformed = true, .terms = {}};
  }
  return negotiation;
}

}  // namespace sockherd::websocket
