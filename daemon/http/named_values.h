// Names with values as clients send them: queries and forms (application/x-www-form-urlencoded, as
// the URL standard of WHATWG section 5.1 reads it) and cookies (RFC 6265 section 5.4). Pure.
//
// Nothing is refused but what is too much: what is odd is taken as browsers take it. Values are
// bytes; they are not checked to be UTF-8.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sockherd::http {

struct NamedValue {
  std::string_view name;
  std::string_view value;
};

// The pairs, with the memory that their views point to.
class NamedValues {
 public:
  NamedValues() = default;
  NamedValues(NamedValues&&) = default;
  NamedValues& operator=(NamedValues&&) = default;
  NamedValues(const NamedValues&) = delete;
  NamedValues& operator=(const NamedValues&) = delete;

  std::span<const NamedValue> pairs() const { return pairs_; }
  // The first of that name.
  std::optional<std::string_view> find(std::string_view name) const;

 private:
  friend std::optional<NamedValues> parse_urlencoded(std::string_view text, size_t most);
  friend std::optional<NamedValues> parse_cookies(std::span<const std::string_view> fields,
                                                  size_t most);

  std::vector<char> bytes_;  // unlike a short string, it stays where it is when moved
  std::vector<NamedValue> pairs_;
};

// "a=1&b=x+y%21". Nothing where there are more than `most` pairs.
std::optional<NamedValues> parse_urlencoded(std::string_view text, size_t most);

// The values of all Cookie fields of a request: "a=1; b=2". Pairs whose name is no token, or whose
// value holds a control character, are left out. Nothing where there are more than `most`.
std::optional<NamedValues> parse_cookies(std::span<const std::string_view> fields, size_t most);

enum class SameSite : uint8_t { Lax, Strict, None };

struct SetCookie {
  std::string_view name;
  std::string_view value;
  std::string_view path;
  std::string_view domain;
  std::optional<int64_t> max_age;  // seconds
  bool secure = true;
  bool http_only = true;
  SameSite same_site = SameSite::Lax;
};

// Why no browser would take it; "" if it would: RFC 6265bis section 4.1.1, its prefixes
// (section 4.1.3) and lengths (section 5.6).
std::string_view fault_of(const SetCookie& cookie);

// The value of a Set-Cookie field. Requires: no fault.
std::string write_set_cookie(const SetCookie& cookie);

}  // namespace sockherd::http
