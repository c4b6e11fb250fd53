// The options of Connection (RFC 9110 section 7.6.1), of both kinds of head: those that we know,
// and the names of fields that end here.
//
// Internal: response_head.cc and forward.cc share it.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "daemon/http/characters.h"

namespace sockherd::http {

class ConnectionOptions {
 public:
  // The value of one Connection field.
  void add(std::string_view list) {
    while (!list.empty()) {
      const size_t comma = list.find(',');
      note(trim_blanks(list.substr(0, comma)));
      if (comma == std::string_view::npos) break;
      list.remove_prefix(comma + 1);
    }
  }

  bool close() const { return close_; }
  bool keep_alive() const { return keep_alive_; }
  bool upgrade() const { return upgrade_; }
  // There were more names than are kept: nobody knows all that would have to be dropped.
  bool overflows() const { return overflows_; }
  bool names_fields() const { return count_ > 0; }
  bool names(std::string_view field) const {
    for (size_t i = 0; i < count_; ++i) {
      if (equals_ignore_case({names_[i].data, names_[i].size}, field)) return true;
    }
    return false;
  }

 private:
  static constexpr size_t kMostNames = 16;

  // A view that costs nothing to make: most heads name no field.
  struct Name {
    const char* data;
    size_t size;
  };

  void note(std::string_view option) {
    if (option.empty()) return;
    if (equals_ignore_case(option, "close")) {
      close_ = true;
    } else if (equals_ignore_case(option, "keep-alive")) {
      keep_alive_ = true;
    } else if (equals_ignore_case(option, "upgrade")) {
      upgrade_ = true;
    } else if (count_ < kMostNames) {
      names_[count_++] = {option.data(), option.size()};
    } else {
      overflows_ = true;
    }
  }

  bool close_ = false;
  bool keep_alive_ = false;
  bool upgrade_ = false;
  bool overflows_ = false;
  size_t count_ = 0;
  std::array<Name, kMostNames> names_;  // of them the first count_
};

}  // namespace sockherd::http
