// The character classes of the HTTP grammar, one table, and the few loops over them.
//
// RFC 9110 section 5.6.2 (token) and 5.5 (field values), RFC 3986 appendix A. Bytes are looked at
// as unsigned, and never through <cctype>: its answers depend on the locale.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace sockherd::http {

using CharacterClass = uint8_t;  // a bit

inline constexpr CharacterClass kTokenByte = 1;       // tchar
inline constexpr CharacterClass kFieldByte = 2;       // HTAB, SP, VCHAR, obs-text
inline constexpr CharacterClass kTargetByte = 4;      // what we let stand in a request target
inline constexpr CharacterClass kRegNameByte = 8;     // unreserved and sub-delims, without "%"
inline constexpr CharacterClass kHexDigit = 16;       // HEXDIG, of either case
inline constexpr CharacterClass kPlainByte = 64;      // stands for itself in a path segment
inline constexpr CharacterClass kEntityTagByte = 32;  // etagc, RFC 9110 section 8.8.3

namespace detail {

constexpr bool is_one_of(std::string_view set, int c) {
  for (const char member : set) {
    if (c == static_cast<unsigned char>(member)) return true;
  }
  return false;
}

constexpr uint8_t classes_of(int c) {
  const bool digit = c >= '0' && c <= '9';
  const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const bool visible = c > 0x20 && c < 0x7f;
  const bool obs_text = c >= 0x80;
  int classes = 0;
  if (digit || alpha || is_one_of("!#$%&'*+-.^_`|~", c)) classes |= kTokenByte;
  if (visible || obs_text || c == ' ' || c == '\t') classes |= kFieldByte;
  // Wider than RFC 3986, whose grammar forbids [ ] \ ^ ` { | }: browsers send these raw in a query
  // (the URL standard does not encode them there). "#" would start a fragment, which is never sent
  // (RFC 9112 section 3.2); quotes and angle brackets are sent by no client but by attackers.
  if (visible && !is_one_of("#\"<>", c)) classes |= kTargetByte;
  if (digit || alpha || is_one_of("-._~!$&'()*+,;=", c)) classes |= kRegNameByte;
  if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) classes |= kHexDigit;
  if ((visible && c != '"') || obs_text) classes |= kEntityTagByte;
  if ((visible && !is_one_of("/%\\", c)) || obs_text) classes |= kPlainByte;
  return static_cast<uint8_t>(classes);
}

constexpr std::array<uint8_t, 256> make_classes() {
  std::array<uint8_t, 256> table{};
  for (int c = 0; c < 256; ++c) table[static_cast<size_t>(c)] = classes_of(c);
  return table;
}

inline constexpr std::array<uint8_t, 256> kClasses = make_classes();

}  // namespace detail

constexpr bool is_in(CharacterClass wanted, char c) {
  return (detail::kClasses[static_cast<unsigned char>(c)] & wanted) != 0;
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';  // OWS, RFC 9110 section 5.6.3
}

// The value of a hexadecimal digit; -1 for anything else.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (!is_in(kHexDigit, c)) return -1;
  return (c | 0x20) - 'a' + 10;
}

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// ASCII only: names of fields, codings and options are ASCII.
constexpr bool equals_ignore_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

// The same for the hot path, where one side is a name of ours: lower-case letters and hyphens. Only
// for tokens: setting bit 5 would turn a CR into a hyphen, but no token holds one.
constexpr bool token_equals(std::string_view token, std::string_view lower_case) {
  if (token.size() != lower_case.size()) return false;
  for (size_t i = 0; i < token.size(); ++i) {
    if ((token[i] | 0x20) != lower_case[i]) return false;
  }
  return true;
}

// token_equals() where the sizes are known to be equal: eight or four bytes at once, the last ones
// overlapping.
template <size_t N>
inline bool token_is(std::string_view token, const char (&lower_case)[N]) {
  constexpr size_t kSize = N - 1;
  using Word = std::conditional_t<(kSize >= 8), uint64_t, uint32_t>;
  static_assert(kSize >= 4);
  constexpr auto kBits = static_cast<Word>(0x2020202020202020U);
  const auto differs = [&](size_t at) {
    Word word = 0;
    Word wanted = 0;
    std::memcpy(&word, token.data() + at, sizeof word);
    std::memcpy(&wanted, lower_case + at, sizeof wanted);
    return (word | kBits) != wanted;
  };
  for (size_t at = 0; at + sizeof(Word) < kSize; at += sizeof(Word)) {
    if (differs(at)) return false;
  }
  return !differs(kSize - sizeof(Word));
}

// The first byte from `at` on that is not of the class, or `end`. Four bytes a step: three in
// four looks at the end are saved, a tenth of the instructions of a whole parse (measured).
constexpr const char* skip(CharacterClass wanted, const char* at, const char* end) {
  while (end - at >= 4) {
    if (!is_in(wanted, at[0])) return at;
    if (!is_in(wanted, at[1])) return at + 1;
    if (!is_in(wanted, at[2])) return at + 2;
    if (!is_in(wanted, at[3])) return at + 3;
    at += 4;
  }
  while (at != end && is_in(wanted, *at)) ++at;
  return at;
}

// True when all of a non-empty text is of the class.
constexpr bool is_all(CharacterClass wanted, std::string_view text) {
  const char* end = text.data() + text.size();
  return !text.empty() && skip(wanted, text.data(), end) == end;
}

// skip(kFieldByte, at, end), eight bytes a step: values are most of a head.
inline const char* skip_field_bytes(const char* at, const char* end) {
  constexpr uint64_t kOnes = 0x0101010101010101U;
  constexpr uint64_t kHighs = 0x8080808080808080U;
  while (end - at >= 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, 8);
    const uint64_t no_del = word ^ (kOnes * 0x7f);
    const uint64_t below_blank = (word - kOnes * 0x20) & ~word & kHighs;
    const uint64_t is_del = (no_del - kOnes) & ~no_del & kHighs;
    const uint64_t stop = below_blank | is_del;
    if (stop == 0) {
      at += 8;
      continue;
    }
    // Exact for the lowest byte that is marked; borrows make false marks only above it.
    if constexpr (std::endian::native == std::endian::little) at += std::countr_zero(stop) / 8;
    while (at != end && *at == '\t') ++at;
    if (at == end || !is_in(kFieldByte, *at)) return at;
    ++at;  // the byte after a tab, or a big-endian machine: on we go from a good byte
  }
  return skip(kFieldByte, at, end);
}

constexpr std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace sockherd::http
