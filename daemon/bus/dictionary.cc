#include "daemon/bus/dictionary.h"

#include <limits>

namespace sockherd::bus {
namespace {

// A negative errno of sd-bus as an Error.
Error bus_error(std::string_view call, int code) {
  return errno_error(call, -code);
}

// Appends one value as the variant's content; returns a negative errno on error.
int append_content(sd_bus_message* message, const std::vector<std::string>& list) {
  int r = sd_bus_message_open_container(message, SD_BUS_TYPE_ARRAY, "s");
  for (const std::string& item : list)
    if (r >= 0) r = sd_bus_message_append_basic(message, SD_BUS_TYPE_STRING, item.c_str());
  return r < 0 ? r : sd_bus_message_close_container(message);
}

int append_content(sd_bus_message* message, const std::string& text) {
  return sd_bus_message_append_basic(message, SD_BUS_TYPE_STRING, text.c_str());
}

int append_content(sd_bus_message* message, bool flag) {
  const int as_int = flag ? 1 : 0;  // sd-bus reads a D-Bus boolean from an int
  return sd_bus_message_append_basic(message, SD_BUS_TYPE_BOOLEAN, &as_int);
}

int append_content(sd_bus_message* message, int64_t number) {
  return sd_bus_message_append_basic(message, SD_BUS_TYPE_INT64, &number);
}

int append_content(sd_bus_message* message, uint64_t number) {
  return sd_bus_message_append_basic(message, SD_BUS_TYPE_UINT64, &number);
}

int append_content(sd_bus_message* message, double number) {
  return sd_bus_message_append_basic(message, SD_BUS_TYPE_DOUBLE, &number);
}

int append_entry(sd_bus_message* message, const std::string& key, const Value& value) {
  constexpr const char* kSignatures[] = {"b", "x", "t", "d", "s", "as"};  // by Value's index
  int r = sd_bus_message_open_container(message, SD_BUS_TYPE_DICT_ENTRY, "sv");
  if (r >= 0) r = append_content(message, key);
  if (r >= 0)
    r = sd_bus_message_open_container(message, SD_BUS_TYPE_VARIANT, kSignatures[value.index()]);
  if (r >= 0)
    r = std::visit([message](const auto& content) { return append_content(message, content); },
                   value);
  if (r >= 0) r = sd_bus_message_close_container(message);
  return r < 0 ? r : sd_bus_message_close_container(message);
}

int append_dictionary(sd_bus_message* message, const Dictionary& dictionary) {
  int r = sd_bus_message_open_container(message, SD_BUS_TYPE_ARRAY, "{sv}");
  for (const auto& [key, value] : dictionary.entries())
    if (r >= 0) r = append_entry(message, key, value);
  return r < 0 ? r : sd_bus_message_close_container(message);
}

int read_list(sd_bus_message* message, Value& into) {
  int r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "s");
  std::vector<std::string> list;
  const char* item = nullptr;
  while (r >= 0 && (r = sd_bus_message_read_basic(message, SD_BUS_TYPE_STRING, &item)) > 0)
    list.emplace_back(item);
  into = std::move(list);
  return r < 0 ? r : sd_bus_message_exit_container(message);
}

template <typename Wire, typename Stored>
int read_scalar(sd_bus_message* message, char type, Value& into) {
  Wire wire{};
  const int r = sd_bus_message_read_basic(message, type, &wire);
  if (r >= 0) into = Stored(wire);
  return r;
}

bool is_known(std::string_view signature) {
  return signature == "as" || (signature.size() == 1 &&
                               std::string_view("bxtds").find(signature) != std::string_view::npos);
}

int read_content(sd_bus_message* message, std::string_view signature, Value& into) {
  switch (signature[0]) {
    case SD_BUS_TYPE_BOOLEAN:
      return read_scalar<int, bool>(message, SD_BUS_TYPE_BOOLEAN, into);
    case SD_BUS_TYPE_INT64:
      return read_scalar<int64_t, int64_t>(message, SD_BUS_TYPE_INT64, into);
    case SD_BUS_TYPE_UINT64:
      return read_scalar<uint64_t, uint64_t>(message, SD_BUS_TYPE_UINT64, into);
    case SD_BUS_TYPE_DOUBLE:
      return read_scalar<double, double>(message, SD_BUS_TYPE_DOUBLE, into);
    case SD_BUS_TYPE_STRING:
      return read_scalar<const char*, std::string>(message, SD_BUS_TYPE_STRING, into);
    default:
      return read_list(message, into);
  }
}

// Reads one entry; it is left out of `dictionary` when its type is none of ours.
int read_entry(sd_bus_message* message, Dictionary& dictionary) {
  const char* key = nullptr;
  const char* signature = nullptr;
  int r = sd_bus_message_read_basic(message, SD_BUS_TYPE_STRING, &key);
  if (r >= 0) r = sd_bus_message_peek_type(message, nullptr, &signature);
  if (r < 0) return r;
  if (!is_known(signature)) return sd_bus_message_skip(message, "v");
  Value value;
  const std::string content = signature;  // the message may free it when it is entered
  r = sd_bus_message_enter_container(message, SD_BUS_TYPE_VARIANT, content.c_str());
  if (r >= 0) r = read_content(message, content, value);
  if (r >= 0) r = sd_bus_message_exit_container(message);
  if (r >= 0) dictionary.set(key, std::move(value));
  return r;
}

int read_entries(sd_bus_message* message, Dictionary& dictionary) {
  int r = 0;
  while ((r = sd_bus_message_enter_container(message, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
    r = read_entry(message, dictionary);
    if (r >= 0) r = sd_bus_message_exit_container(message);
    if (r < 0) return r;
  }
  return r < 0 ? r : sd_bus_message_exit_container(message);
}

}  // namespace

const Value* Dictionary::find(std::string_view key) const {
  for (const auto& [name, value] : entries_)
    if (name == key) return &value;
  return nullptr;
}

void Dictionary::replace(std::string_view key, Value value) {
  for (auto& [name, before] : entries_) {
    if (name == key) before = std::move(value);
  }
}

bool Dictionary::boolean(std::string_view key, bool fallback) const {
  const Value* value = find(key);
  const bool* flag = value == nullptr ? nullptr : std::get_if<bool>(value);
  return flag == nullptr ? fallback : *flag;
}

int64_t Dictionary::integer(std::string_view key, int64_t fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  if (const auto* number = std::get_if<int64_t>(value)) return *number;
  constexpr uint64_t kLargest = std::numeric_limits<int64_t>::max();
  const auto* count = std::get_if<uint64_t>(value);
  return count != nullptr && *count <= kLargest ? static_cast<int64_t>(*count) : fallback;
}

uint64_t Dictionary::count(std::string_view key, uint64_t fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  if (const auto* number = std::get_if<uint64_t>(value)) return *number;
  const auto* integer = std::get_if<int64_t>(value);
  return integer != nullptr && *integer >= 0 ? static_cast<uint64_t>(*integer) : fallback;
}

double Dictionary::number(std::string_view key, double fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  if (const auto* number = std::get_if<double>(value)) return *number;
  if (const auto* integer = std::get_if<int64_t>(value)) return static_cast<double>(*integer);
  if (const auto* count = std::get_if<uint64_t>(value)) return static_cast<double>(*count);
  return fallback;
}

std::string Dictionary::text(std::string_view key, std::string_view fallback) const {
  const Value* value = find(key);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return text == nullptr ? std::string(fallback) : *text;
}

std::vector<std::string> Dictionary::list(std::string_view key) const {
  const Value* value = find(key);
  const auto* list = value == nullptr ? nullptr : std::get_if<std::vector<std::string>>(value);
  return list == nullptr ? std::vector<std::string>{} : *list;
}

Result<void> append(sd_bus_message* message, const Value& value) {
  const int r = std::visit(
      [message](const auto& content) { return append_content(message, content); }, value);
  if (r < 0) return bus_error("append a value", r);
  return {};
}

Result<void> append(sd_bus_message* message, const Dictionary& dictionary) {
  const int r = append_dictionary(message, dictionary);
  if (r < 0) return bus_error("append dictionary", r);
  return {};
}

Result<void> append(sd_bus_message* message, const std::vector<Dictionary>& list) {
  int r = sd_bus_message_open_container(message, SD_BUS_TYPE_ARRAY, "a{sv}");
  for (const Dictionary& dictionary : list)
    if (r >= 0) r = append_dictionary(message, dictionary);
  if (r >= 0) r = sd_bus_message_close_container(message);
  if (r < 0) return bus_error("append dictionaries", r);
  return {};
}

Result<Dictionary> read_dictionary(sd_bus_message* message) {
  Dictionary dictionary;
  int r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "{sv}");
  if (r == 0) r = -ENODATA;  // the message has ended
  if (r > 0) r = read_entries(message, dictionary);
  if (r < 0) return bus_error("read dictionary", r);
  return dictionary;
}

Result<std::vector<Dictionary>> read_dictionaries(sd_bus_message* message) {
  std::vector<Dictionary> list;
  int r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "a{sv}");
  if (r == 0) r = -ENODATA;
  while (r > 0 && (r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "{sv}")) > 0)
    r = read_entries(message, list.emplace_back());
  if (r >= 0) r = sd_bus_message_exit_container(message);
  if (r < 0) return bus_error("read dictionaries", r);
  return list;
}

}  // namespace sockherd::bus
