#include "daemon/http/named_values.h"

#include <algorithm>
#include <cstdint>

#include "daemon/http/characters.h"

namespace sockherd::http {
namespace {

// Decodes behind what is there; the view stays good as long as no more than was reserved is added.
std::string_view decode(std::string_view text, std::vector<char>& into) {
  const size_t begin = into.size();
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+') c = ' ';
    if (c == '%' && text.size() - i > 2) {
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high >= 0 && low >= 0) {
        c = static_cast<char>(high << 4 | low);
        i += 2;
      }
    }
    into.push_back(c);
  }
  return {into.data() + begin, into.size() - begin};
}

// Takes what stands before the first `separator` off `text`.
std::string_view take_until(std::string_view& text, char separator) {
  const std::string_view head = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(head.size() + 1, text.size()));
  return head;
}

bool is_cookie_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_in(kFieldByte, c) && c != '\t'; });
}

// cookie-octet: no blanks, quotes, commas, semicolons, backslashes.
bool is_cookie_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
  });
}

bool is_attribute(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= 0x20 && c < 0x7f && c != ';'; });
}

std::string_view fault_of_prefix(const SetCookie& cookie) {
  const auto begins_with = [&cookie](std::string_view prefix) {
    return cookie.name.size() >= prefix.size() &&
           equals_ignore_case(cookie.name.substr(0, prefix.size()), prefix);
  };
  if (begins_with("__Secure-") && !cookie.secure) return "its name asks for Secure";
  if (!begins_with("__Host-")) return "";
  return cookie.secure && cookie.path == "/" && cookie.domain.empty()
             ? ""
             : "its name asks for Secure, Path=/ and no Domain";
}

}  // namespace

std::optional<std::string_view> NamedValues::find(std::string_view name) const {
  for (const NamedValue& each : pairs_) {
    if (each.name == name) return each.value;
  }
  return std::nullopt;
}

std::optional<NamedValues> parse_urlencoded(std::string_view text, size_t most) {
  NamedValues values;
  values.bytes_.reserve(text.size());  // decoding makes nothing longer
  while (!text.empty()) {
    std::string_view pair = take_until(text, '&');
    if (pair.empty()) continue;
    if (values.pairs_.size() == most) return std::nullopt;
    const std::string_view name = decode(take_until(pair, '='), values.bytes_);
    const std::string_view value = decode(pair, values.bytes_);
    values.pairs_.push_back({name, value});
  }
  return values;
}

std::optional<NamedValues> parse_cookies(std::span<const std::string_view> fields, size_t most) {
  NamedValues values;
  size_t bytes = 0;
  for (const std::string_view field : fields) bytes += field.size();
  values.bytes_.reserve(bytes);
  const auto copy = [&values](std::string_view text) {
    const size_t begin = values.bytes_.size();
    values.bytes_.insert(values.bytes_.end(), text.begin(), text.end());
    return std::string_view(values.bytes_.data() + begin, text.size());
  };
  for (std::string_view field : fields) {
    while (!field.empty()) {
      std::string_view pair = trim_blanks(take_until(field, ';'));
      if (pair.find('=') == std::string_view::npos) continue;
      const std::string_view name = trim_blanks(take_until(pair, '='));
      std::string_view value = trim_blanks(pair);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      if (!is_all(kTokenByte, name) || !is_cookie_value(value)) continue;
      if (values.pairs_.size() == most) return std::nullopt;
      values.pairs_.push_back({copy(name), copy(value)});
    }
  }
  return values;
}

std::string_view fault_of(const SetCookie& cookie) {
  constexpr size_t kMostPair = 4096;
  constexpr size_t kMostAttribute = 1024;
  constexpr int64_t kMostAge = 400 * 24 * 3600;  // browsers cut longer ones
  if (!is_all(kTokenByte, cookie.name)) return "its name is no token";
  if (!is_cookie_text(cookie.value)) {
    return "its value holds a blank, a quote, a comma, a semicolon, a backslash or no ASCII: "
           "encode it";
  }
  if (cookie.name.size() + cookie.value.size() > kMostPair) return "it is longer than 4096 bytes";
  if (!is_attribute(cookie.path) || !is_attribute(cookie.domain)) {
    return "its path or domain holds a control character or a semicolon";
  }
  if (!cookie.path.empty() && !cookie.path.starts_with('/'))
    return "its path has no \"/\" in front";
  if (cookie.path.size() > kMostAttribute || cookie.domain.size() > kMostAttribute) {
    return "its path or domain is longer than 1024 bytes";
  }
  if (cookie.max_age && (*cookie.max_age < 0 || *cookie.max_age > kMostAge)) {
    return "its age is not between 0 and 400 days";
  }
  if (cookie.same_site == SameSite::None && !cookie.secure) return "SameSite=None asks for Secure";
  return fault_of_prefix(cookie);
}

std::string write_set_cookie(const SetCookie& cookie) {
  std::string text(cookie.name);
  text += '=';
  text += cookie.value;
  if (!cookie.path.empty()) text.append("; Path=").append(cookie.path);
  if (!cookie.domain.empty()) text.append("; Domain=").append(cookie.domain);
  if (cookie.max_age) text += "; Max-Age=" + std::to_string(*cookie.max_age);
  if (cookie.secure) text += "; Secure";
  if (cookie.http_only) text += "; HttpOnly";
  switch (cookie.same_site) {
    case SameSite::Lax:
      return text + "; SameSite=Lax";
    case SameSite::Strict:
      return text + "; SameSite=Strict";
    case SameSite::None:
      return text + "; SameSite=None";
  }
  return text;
}

}  // namespace sockherd::http
