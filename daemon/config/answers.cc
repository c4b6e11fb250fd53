#include "daemon/config/answers.h"

#include <algorithm>

#include "daemon/base/parse.h"
#include "daemon/config/option_text.h"

namespace sockherd::config {
namespace {

bool is_token(std::string_view text) {
  constexpr std::string_view kCharacters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
  return !text.empty() && text.find_first_not_of(kCharacters) == std::string_view::npos;
}

bool equals_ignore_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

bool has_controls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

}  // namespace

std::string header_fault(std::string_view name, std::string_view value) {
  constexpr std::string_view kOurs[] = {"Accept-Ranges",
                                        "Allow",
                                        "Connection",
                                        "Content-Encoding",
                                        "Content-Length",
                                        "Content-Range",
                                        "Content-Type",
                                        "Date",
                                        "ETag",
                                        "Keep-Alive",
                                        "Last-Modified",
                                        "Location",
                                        "Proxy-Connection",
                                        "Server",
                                        "TE",
                                        "Trailer",
                                        "Transfer-Encoding",
                                        "Upgrade"};
  if (!is_token(name)) return quote(name) + " is no field name; letters, digits and \"-\" are";
  for (const std::string_view ours : kOurs)
    if (equals_ignore_case(name, ours))
      return std::string(ours) + " is set by the engine; remove it";
  if (has_controls(value)) return "holds a control character; a field is one line";
  if (value.empty()) return "must not be empty";
  if (value.front() == ' ' || value.back() == ' ') return "begins or ends with a blank; remove it";
  return "";
}

std::string error_page_fault(std::string_view status, std::string_view path) {
  const auto number = parse_number<int>(status);
  const bool is_status = number && *number >= 400 && *number <= 599 && status.size() == 3;
  if (!is_status && status != "4xx" && status != "5xx")
    return quote(status) +
           " is no status of an error; write \"400\" to \"599\", \"4xx\" or \"5xx\"";
  if (!path.starts_with('/'))
    return "expected " + std::string(expectation(Type::Path)) + ", found " + quote(path);
  return has_controls(path) ? "holds a control character" : "";
}

std::string redirect_fault(std::string_view target) {
  std::string_view rest = target;
  for (const std::string_view scheme : {"http://", "https://"})
    if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
  const bool has_host = rest.size() != target.size() && !rest.empty() && rest.front() != '/';
  const bool is_path = target.starts_with('/') && !target.starts_with("//");
  if (!has_host && !is_path)
    return "expected a URL or a path, such as \"https://example.org/new\" or \"/new\", found " +
           quote(target);
  for (const char c : target)
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f ||
        std::string_view("\"<>\\^`{|}").find(c) != std::string_view::npos)
      return "holds a character that no URL has; write it as %XX";
  if (target.find_first_of("?#") != std::string_view::npos)
    return "has a \"?\" or \"#\"; the query of the request is appended, so remove it";
  return "";
}

}  // namespace sockherd::config
