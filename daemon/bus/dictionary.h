// Dictionary: an a{sv} as plain data, so that neither side of the bus walks containers by hand.
#pragma once

#include <systemd/sd-bus.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/base/result.h"

namespace sockherd::bus {

// The types of our interface: b, x, t, d, s, as.
using Value = std::variant<bool, int64_t, uint64_t, double, std::string, std::vector<std::string>>;

class Dictionary {
 public:
  void set(std::string key, Value value) {
    entries_.emplace_back(std::move(key), std::move(value));
  }
  // The value of a key that is there.
  void replace(std::string_view key, Value value);

  // The value of `key`, or `fallback` where it is missing or of another type.
  bool boolean(std::string_view key, bool fallback = false) const;
  int64_t integer(std::string_view key, int64_t fallback = 0) const;  // x, or a t that fits
  uint64_t count(std::string_view key, uint64_t fallback = 0) const;  // t, or a non-negative x
  double number(std::string_view key, double fallback = 0) const;     // d, x or t
  std::string text(std::string_view key, std::string_view fallback = "") const;
  std::vector<std::string> list(std::string_view key) const;

  const std::vector<std::pair<std::string, Value>>& entries() const { return entries_; }
  const Value* find(std::string_view key) const;  // null where it is missing
  bool operator==(const Dictionary&) const = default;

 private:
  std::vector<std::pair<std::string, Value>> entries_;
};

// Appends the value alone, without a variant around it.
Result<void> append(sd_bus_message* message, const Value& value);

// Appends one a{sv} / an aa{sv} to a message under construction.
Result<void> append(sd_bus_message* message, const Dictionary& dictionary);
Result<void> append(sd_bus_message* message, const std::vector<Dictionary>& list);

// Reads what the two above wrote. Values of types that we do not know are left out.
Result<Dictionary> read_dictionary(sd_bus_message* message);
Result<std::vector<Dictionary>> read_dictionaries(sd_bus_message* message);

}  // namespace sockherd::bus
