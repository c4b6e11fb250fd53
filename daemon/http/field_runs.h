// Which fields of a head do not go on; and the others, copied in as few pieces as possible.
//
// The lines of a head that was parsed are good as they came: a name, a colon, a value without
// control characters, CRLF. So what stands between two fields that are dropped is one copy.
//
// Internal: response_head.cc marks, forward_request.cc and forward_response.cc mark and copy.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/http/cursor.h"
#include "daemon/http/request.h"
#include "daemon/http/writer.h"

namespace sockherd::http {

using DroppedFields = std::array<uint64_t, RequestHead::kMaxFields / 64>;  // a bit a field

inline void drop_field(DroppedFields& dropped, size_t index) {
  dropped[index / 64] |= uint64_t{1} << index % 64;
}

// lines: those of `fields`, all of them.
inline void copy_fields(Writer& writer, std::span<const Field> fields, std::string_view lines,
                        const DroppedFields& dropped) {
  const char* run = lines.data();
  const char* end = lines.data() + lines.size();
  for (size_t word = 0; word < dropped.size(); ++word) {
    for (uint64_t bits = dropped[word]; bits != 0; bits &= bits - 1) {
      const size_t index = word * 64 + static_cast<size_t>(std::countr_zero(bits));
      writer.add(view(run, fields[index].name.data()));
      run = index + 1 < fields.size() ? fields[index + 1].name.data() : end;
    }
  }
  writer.add(view(run, end));
}

// Of a head that is complete: from the first name to the last line end.
inline std::string_view lines_of(std::span<const Field> fields) {
  if (fields.empty()) return {};
  const std::string_view value = fields.back().value;
  const char* end = value.data() + value.size();
  while (*end != '\n') ++end;  // blanks, and the CR
  return view(fields.front().name.data(), end + 1);
}

}  // namespace sockherd::http
