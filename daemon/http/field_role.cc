#include "daemon/http/field_role.h"

#include <cstddef>

#include "daemon/http/characters.h"

namespace sockherd::http {
namespace {

enum class Likeness : uint8_t { None, Alike, Same };

// Of the first bytes of `name`, which has at least as many.
Likeness likeness(std::string_view name, std::string_view lower_case) {
  Likeness found = Likeness::Same;
  for (size_t i = 0; i < lower_case.size(); ++i) {
    if (to_lower(name[i]) == lower_case[i]) continue;
    if (name[i] != '_' || lower_case[i] != '-') return Likeness::None;
    found = Likeness::Alike;
  }
  return found;
}

struct KnownName {
  std::string_view name;
  FieldRole role;
};

constexpr std::string_view kForwardedPrefix = "x-forwarded-";

using enum FieldRole;

constexpr KnownName kKnown[] = {
    {"te", TransferCodings},
    {"via", Via},
    {"host", HopByHop},   // we write it first
    {"proxy", HopByHop},  // HTTP_PROXY to a CGI program ("httpoxy")
    {"expect", HopByHop},
    {"upgrade", Upgrade},
    {"trailer", Trailer},
    {"forwarded", Forwarded},
    {"x-real-ip", ForwardedOther},
    {"connection", Connection},
    {"keep-alive", HopByHop},
    {"max-forwards", MaxForwards},
    {"x-request-id", RequestId},
    {"content-length", HopByHop},
    {"http2-settings", HopByHop},
    {"x-forwarded-for", ForwardedFor},
    {"x-forwarded-host", ForwardedOrigin},
    {"x-forwarded-port", ForwardedOrigin},
    {"proxy-connection", HopByHop},
    {"transfer-encoding", HopByHop},
    {"x-forwarded-proto", ForwardedOrigin},
    // RFC 9110 section 11.7.2: for the first proxy that asks for it. We ask for none, and what is
    // behind us is no proxy.
    {"proxy-authorization", HopByHop},
};

constexpr std::array<uint32_t, 32> sizes_with_role() {
  std::array<uint32_t, 32> sizes{};
  for (const KnownName& known : kKnown) {
    sizes[known.name.front() & 31] |= uint32_t{1} << known.name.size();
  }
  for (size_t size = kForwardedPrefix.size() + 1; size < 32; ++size) {
    sizes[kForwardedPrefix.front() & 31] |= uint32_t{1} << size;
  }
  return sizes;
}

}  // namespace

constexpr std::array<uint32_t, 32> kSizesWithRole = sizes_with_role();

FieldMeaning known_meaning_of(std::string_view name) {
  for (const KnownName& known : kKnown) {
    if (known.name.size() != name.size()) continue;
    const Likeness found = likeness(name, known.name);
    if (found != Likeness::None) return {known.role, found == Likeness::Alike};
  }
  if (name.size() <= kForwardedPrefix.size()) return {};
  const Likeness found = likeness(name, kForwardedPrefix);
  if (found == Likeness::None) return {};
  return {FieldRole::ForwardedOther, found == Likeness::Alike};
}

}  // namespace sockherd::http
