// Steering: what the fields of a head say of its framing, its host and its connection.
//
// Here stands once which combinations are refused: the shapes that requests are smuggled in.
// Internal to the parser of heads: request.h is the interface.
#pragma once

#include <cstddef>
#include <string_view>

#include "daemon/http/characters.h"
#include "daemon/http/cursor.h"
#include "daemon/http/request.h"

namespace sockherd::http {

// A field of which there may be one: its value, and how often it came.
struct Single {
  std::string_view value;
  size_t count = 0;

  void add(std::string_view another) {
    value = another;
    ++count;
  }
};

// Collected while reading, judged at the empty line.
class Steering {
 public:
  void note(const Field& field);
  Outcome judge(Cursor& cursor, RequestHead& head) const;

 private:
  void note_connection(std::string_view options);
  void note_expectations(std::string_view list);
  Outcome judge_framing(Cursor& cursor, RequestHead& head) const;
  Outcome judge_length(Cursor& cursor, RequestHead& head) const;
  Outcome judge_coding(Cursor& cursor, RequestHead& head) const;
  Outcome judge_host(Cursor& cursor, RequestHead& head) const;
  bool is_valid_host(RequestHead& head) const;

  Single host_;
  Single length_;
  Single coding_;
  bool close_ = false;
  bool keep_alive_ = false;
  bool upgrade_option_ = false;
  bool upgrade_field_ = false;
  bool expect_continue_ = false;
  bool expect_other_ = false;
};

// By length first: of usual heads, few fields get as far as a comparison.
inline void Steering::note(const Field& field) {
  const auto is = [&field](const auto& name) { return token_is(field.name, name); };
  switch (field.name.size()) {
    case 4:
      if (is("host")) host_.add(field.value);
      break;
    case 6:
      if (is("expect")) note_expectations(field.value);
      break;
    case 7:
      if (is("upgrade")) upgrade_field_ = true;
      break;
    case 10:
      if (is("connection")) note_connection(field.value);
      break;
    case 14:
      if (is("content-length")) length_.add(field.value);
      break;
    case 17:
      if (is("transfer-encoding")) coding_.add(field.value);
      break;
    default:
      break;
  }
}

}  // namespace sockherd::http
