#include "daemon/worker/access_format.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace sockherd::worker {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::string_view kUpperDigits = "0123456789ABCDEF";

char* put(char* into, std::string_view text) {
  std::memcpy(into, text.data(), text.size());
  return into + text.size();
}

char* put(char* into, char c) {
  *into = c;
  return into + 1;
}

template <typename Number>
char* put_number(char* into, Number number) {
  constexpr size_t kMostDigits = 20;
  return std::to_chars(into, into + kMostDigits, number).ptr;
}

// With leading zeros.
char* put_digits(char* into, uint64_t number, size_t digits) {
  for (size_t i = digits; i > 0; --i) {
    into[i - 1] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
  return into + digits;
}

char* put_hex(char* into, unsigned char byte, std::string_view digits) {
  into = put(into, digits[byte >> 4]);
  return put(into, digits[byte & 15]);
}

// Bytes that stay as they are between the quotes of both styles.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

// Takes off `text` what stays as it is, which is nearly always all of it.
char* put_plain(char* into, std::string_view& text) {
  size_t plain = 0;
  while (plain < text.size() && kPlain[static_cast<unsigned char>(text[plain])]) ++plain;
  into = put(into, text.substr(0, plain));
  text.remove_prefix(plain);
  return into;
}

// Of the character that `text` begins with, if it is UTF-8 (RFC 3629: no surrogates, nothing
// longer than it need be); 0 if it is none. For bytes above 0x7f.
size_t utf8_bytes(std::string_view text) {
  const auto byte = [&text](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&byte](size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned least = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned most = first == 0xed ? 0x9f : 0xbf;
    return byte(1) >= least && byte(1) <= most && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned least = first == 0xf0 ? 0x90 : 0x80;
    const unsigned most = first == 0xf4 ? 0x8f : 0xbf;
    return byte(1) >= least && byte(1) <= most && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

// C1, U+0080 to U+009F: terminals obey them.
bool is_control(std::string_view character) {
  return character[0] == '\xc2' && static_cast<unsigned char>(character[1]) < 0xa0;
}

// A byte that is neither plain nor the start of a character of UTF-8.
char* put_json_escape(char* into, unsigned char c) {
  switch (c) {
    case '"':
      return put(into, "\\\"");
    case '\\':
      return put(into, "\\\\");
    case '\t':
      return put(into, "\\t");
    case '\n':
      return put(into, "\\n");
    case '\r':
      return put(into, "\\r");
    default:
      break;
  }
  if (c < 0x80) return put_hex(put(into, "\\u00"), c, kDigits);
  return put_hex(put(into, "\\\\x"), c, kUpperDigits);
}

char* put_combined_field(char* into, std::string_view text) {
  into = put(into, '"');
  into = text.empty() ? put(into, '-') : write_combined_text(text, into);
  return put(into, '"');
}

// `key` with its quotes, comma and colon: ",\"host\":".
char* put_json_field(char* into, std::string_view key, std::string_view text) {
  into = put(put(into, key), '"');
  return put(write_json_text(text, into), '"');
}

// SGR of the terminal: the colour of a class of status.
std::string_view colour_of(uint16_t status) {
  if (status >= 500) return "\x1b[31m";  // red
  if (status >= 400) return "\x1b[33m";  // yellow
  if (status >= 300) return "\x1b[36m";  // cyan
  return "\x1b[32m";                     // green
}
constexpr std::string_view kPlainColour = "\x1b[0m";

constexpr uint64_t kNanoseconds = 1'000'000'000;
constexpr uint64_t kMicrosecond = 1000;
constexpr uint64_t kMillisecond = 1'000'000;

}  // namespace

AccessFormat::AccessFormat(AccessStyle style, Colours colours, std::string_view pool, uint32_t slot)
    : style_(style),
      colours_(colours),
      worker_("\",\"pool\":\"" + std::string(pool) + "\",\"slot\":" + std::to_string(slot)) {}

char* AccessFormat::write(const AccessRecord& record, Duration boot, char* into) {
  const Duration began = std::max(record.facts.began + boot, Duration::zero());
  into = style_ == AccessStyle::Json ? write_json(record, began, into)
                                     : write_combined(record, began, into);
  return put(into, '\n');
}

char* AccessFormat::write_combined(const AccessRecord& record, Duration began, char* into) {
  const AccessFacts& facts = record.facts;
  into = put(write_address(facts.client, into), " - - [");
  into = put(into, local_.common(std::chrono::floor<std::chrono::seconds>(began).count()));
  into = put(put_combined_field(put(into, "] "), record.line), ' ');
  const bool is_coloured = colours_ == Colours::On;
  if (is_coloured) into = put(into, colour_of(facts.status));
  into = put_number(into, facts.status);
  if (is_coloured) into = put(into, kPlainColour);
  into = put(put_number(put(into, ' '), facts.content_bytes), ' ');
  into = put(put_combined_field(into, record.referer), ' ');
  return put_combined_field(into, record.user_agent);
}

char* AccessFormat::write_json(const AccessRecord& record, Duration began, char* into) {
  const AccessFacts& facts = record.facts;
  const auto nanoseconds = static_cast<uint64_t>(began.count());
  const auto second = static_cast<int64_t>(nanoseconds / kNanoseconds);
  into = put(put(into, "{\"time\":\""), local_.iso(second));
  into = put_digits(put(into, '.'), nanoseconds % kNanoseconds / kMillisecond, 3);
  into = put(put(into, local_.iso_zone(second)), worker_);
  into = put(write_address(facts.client, put(into, ",\"client\":\"")), '"');
  const RequestLine request = RequestLine::split(record);
  into = put_json_field(into, ",\"method\":", request.method);
  into = put_json_field(into, ",\"target\":", request.target);
  into = put_json_field(into, ",\"protocol\":", request.version);
  into = put_json_field(into, ",\"host\":", record.host);
  into = put_number(put(into, ",\"status\":"), facts.status);
  into = put_number(put(into, ",\"bytes\":"), facts.content_bytes);
  const auto took = static_cast<uint64_t>(std::max(facts.took, Duration::zero()).count());
  into = put_number(put(into, ",\"seconds\":"), took / kNanoseconds);
  into = put_digits(put(into, '.'), took % kNanoseconds / kMicrosecond, 6);
  into = put(into, facts.is_complete ? ",\"complete\":true" : ",\"complete\":false");
  into = put_json_field(into, ",\"referer\":", record.referer);
  into = put_json_field(into, ",\"user_agent\":", record.user_agent);
  return put(into, '}');
}

RequestLine RequestLine::split(const AccessRecord& record) {
  const std::string_view line = record.line;
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (!record.facts.is_valid || first == last) return {.target = line};
  return {.method = line.substr(0, first),
          .target = line.substr(first + 1, last - first - 1),
          .version = line.substr(last + 1)};
}

char* write_address(const ClientAddress& client, char* into) {
  switch (client.family) {
    case AF_UNIX:
      return put(into, "unix:");
    case AF_INET:  // inet_ntop(3) would print it with sprintf(3), at half the price of the line
      for (size_t i = 0; i < sizeof(in_addr); ++i) {
        if (i > 0) into = put(into, '.');
        into = put_number(into, client.bytes[i]);
      }
      return into;
    case AF_INET6:
      ::inet_ntop(client.family, client.bytes.data(), into, INET6_ADDRSTRLEN);
      return into + std::strlen(into);
    default:
      return put(into, '-');
  }
}

char* write_combined_text(std::string_view text, char* into) {
  for (;;) {
    into = put_plain(into, text);
    if (text.empty()) return into;
    into = put_hex(put(into, "\\x"), static_cast<unsigned char>(text[0]), kUpperDigits);
    text.remove_prefix(1);
  }
}

char* write_json_text(std::string_view text, char* into) {
  for (;;) {
    into = put_plain(into, text);
    if (text.empty()) return into;
    const auto byte = static_cast<unsigned char>(text[0]);
    size_t taken = 1;
    if (const size_t bytes = byte < 0x80 ? 0 : utf8_bytes(text); bytes == 0) {
      into = put_json_escape(into, byte);
    } else {
      const std::string_view character = text.substr(0, bytes);
      into = is_control(character)
                 ? put_hex(put(into, "\\u00"), static_cast<unsigned char>(character[1]), kDigits)
                 : put(into, character);
      taken = bytes;
    }
    text.remove_prefix(taken);
  }
}

}  // namespace sockherd::worker
