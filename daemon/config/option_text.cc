#include "daemon/config/option_text.h"

#include <cstdio>
#include <vector>

#include "daemon/config/bus_url.h"
#include "daemon/config/units.h"

namespace sockherd::config {
namespace {

std::string format_list(const std::vector<std::string>& list) {
  std::string text = "[";
  for (const std::string& item : list) {
    if (text.size() > 1) text += ", ";
    text += quote(item);
  }
  return text + "]";
}

std::string format_table(const std::vector<NamedText>& table) {
  std::string text = "{";
  for (const NamedText& entry : table) {
    text += text.size() > 1 ? ", " : " ";
    text += quote(entry.name) + " = " + quote(entry.value);
  }
  return text + (text.size() > 1 ? " }" : "}");
}

std::string format_integer(const Option& option, int64_t number) {
  if (option.type == Type::Integer) return std::to_string(number);
  if (option.type != Type::Workers) return quote(format_number(option, number));
  return number == 0 ? "\"auto\"" : std::to_string(number);
}

}  // namespace

std::string_view expectation(Type type) {
  switch (type) {
    case Type::Text:
    case Type::Choice:
      return "a string";
    case Type::Path:
      return "an absolute path, such as \"/srv/www\"";
    case Type::Integer:
      return "a whole number";
    case Type::Boolean:
      return "true or false";
    case Type::Duration:
      return "a duration such as \"30s\", \"500ms\" or \"2m\", or a number of seconds";
    case Type::Size:
      return "a size such as \"16KiB\" or \"1MiB\", or a number of bytes";
    case Type::Workers:
      return "\"auto\" or a whole number";
    case Type::AccessMode:
      return "an access mode such as \"0660\"";
    case Type::Address:
      return "an address such as \"[::]:8080\" or \"unix:/run/web.sock\"";
    case Type::AddressList:
      return "a list of addresses, such as [\"127.0.0.1:9753\"]";
    case Type::BusUrl:
      return "a URL such as \"redis://10.0.0.5:6379\"";
    case Type::TextList:
      return "a list of strings, such as [\"web\"]";
    case Type::FileNames:
      return "a file name such as \"index.html\", or a list of them";
    case Type::Environment:
      return "a list of strings \"NAME=value\"";
    case Type::Upstreams:
      return "\"pool:NAME\", an address such as \"127.0.0.1:9000\", or a list of addresses";
    case Type::Ready:
      return "a table such as { http = \"/healthz\" }";
    case Type::Headers:
      return "a table of fields, such as { \"Cache-Control\" = \"max-age=60\" }";
    case Type::ErrorPages:
      return "a table of files, such as { \"404\" = \"/srv/errors/404.html\" }";
    case Type::Routes:
      return "a list of tables, such as [{ path = \"/\", module = \"demo\" }]";
  }
  return "";
}

std::string_view type_name(Type type) {
  switch (type) {
    case Type::Text:
      return "string";
    case Type::Choice:
      return "choice";
    case Type::Path:
      return "path";
    case Type::Integer:
      return "integer";
    case Type::Boolean:
      return "boolean";
    case Type::Duration:
      return "duration";
    case Type::Size:
      return "size";
    case Type::Workers:
      return "\"auto\" or integer";
    case Type::AccessMode:
      return "access mode";
    case Type::Address:
      return "address";
    case Type::AddressList:
      return "list of addresses";
    case Type::BusUrl:
      return "URL";
    case Type::TextList:
    case Type::Environment:
      return "list of strings";
    case Type::FileNames:
    case Type::Upstreams:
      return "string or list of strings";
    case Type::Headers:
    case Type::ErrorPages:
    case Type::Ready:
      return "table";
    case Type::Routes:
      return "list of tables";
  }
  return "";
}

std::string format_number(const Option& option, int64_t number) {
  if (option.type == Type::Duration) return format_duration(Milliseconds(number));
  if (option.type == Type::Size) return format_size(number);
  if (option.type == Type::AccessMode) return format_access_mode(number);
  return std::to_string(number);
}

std::string format_bounds(const Option& option) {
  if (option.min == option.max) return "";
  return format_number(option, option.min) + " to " + format_number(option, option.max);
}

std::string format_value(const Option& option, const Object& object) {
  const Field field = option.field(object);
  if (const auto* text = std::get_if<std::string*>(&field)) {
    return quote(option.type == Type::BusUrl ? redacted(**text) : **text);
  }
  if (const auto* number = std::get_if<int64_t*>(&field)) return format_integer(option, **number);
  if (const auto* flag = std::get_if<bool*>(&field)) return **flag ? "true" : "false";
  if (const auto* time = std::get_if<Milliseconds*>(&field)) return quote(format_duration(**time));
  if (const auto* list = std::get_if<std::vector<std::string>*>(&field)) return format_list(**list);
  if (const auto* table = std::get_if<std::vector<NamedText>*>(&field))
    return format_table(**table);
  const auto* routes = std::get_if<std::vector<Route>*>(&field);
  return std::to_string((*routes)->size());
}

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      quoted += escaped;
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace sockherd::config
