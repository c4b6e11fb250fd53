// What a proxy has to do with a field of a request, by its name.
//
// Internal to forward_request.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sockherd::http {

enum class FieldRole : uint8_t {
  Content,   // goes on as it came
  HopByHop,  // ends here
  Connection,
  TransferCodings,  // TE
  Trailer,
  Upgrade,
  Via,
  MaxForwards,
  RequestId,
  Forwarded,
  ForwardedFor,
  ForwardedOrigin,  // X-Forwarded-Host, -Port, -Proto
  ForwardedOther,   // the other X-Forwarded-*, X-Real-IP
};

struct FieldMeaning {
  FieldRole role = FieldRole::Content;
  // Only an application server would take it for that: it has "_" where the name has "-", and in
  // the environment of CGI both are "_".
  bool is_look_alike = false;
};

// For each first letter, the sizes (a bit each) of names that have a role, and of all from 31 on
// together: of usual heads, few fields get further.
extern const std::array<uint32_t, 32> kSizesWithRole;

// Of a name that may have one.
FieldMeaning known_meaning_of(std::string_view name);

// name: a token, not empty.
inline FieldMeaning meaning_of(std::string_view name) {
  const uint32_t sizes = kSizesWithRole[static_cast<unsigned char>(name.front()) & 31U];
  const size_t size = name.size() < 31 ? name.size() : 31;
  if ((sizes >> size & 1U) == 0) return {};
  return known_meaning_of(name);
}

}  // namespace sockherd::http
