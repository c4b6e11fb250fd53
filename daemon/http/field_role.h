// What a proxy has to do with a field of a request, by its name.
//
// Internal to forward_request.cc.
#pragma once

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

// By length and first byte first: of usual heads, few fields get as far as a comparison.
FieldMeaning meaning_of(std::string_view name);

}  // namespace sockherd::http
