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

template <size_t N>
FieldMeaning among(const KnownName (&known)[N], std::string_view name) {
  for (const KnownName& candidate : known) {
    const Likeness found = likeness(name, candidate.name);
    if (found != Likeness::None) return {candidate.role, found == Likeness::Alike};
  }
  return {};
}

constexpr std::string_view kForwardedPrefix = "x-forwarded-";

using enum FieldRole;

constexpr KnownName kTwo[] = {{"te", TransferCodings}};
constexpr KnownName kThree[] = {{"via", Via}};
constexpr KnownName kFour[] = {{"host", HopByHop}};   // we write it first
constexpr KnownName kFive[] = {{"proxy", HopByHop}};  // HTTP_PROXY to a CGI program ("httpoxy")
constexpr KnownName kSix[] = {{"expect", HopByHop}};
constexpr KnownName kSeven[] = {{"upgrade", Upgrade}, {"trailer", Trailer}};
constexpr KnownName kNine[] = {{"forwarded", Forwarded}, {"x-real-ip", ForwardedOther}};
constexpr KnownName kTen[] = {{"connection", Connection}, {"keep-alive", HopByHop}};
constexpr KnownName kTwelve[] = {{"max-forwards", MaxForwards}, {"x-request-id", RequestId}};
constexpr KnownName kFourteen[] = {{"content-length", HopByHop}, {"http2-settings", HopByHop}};
constexpr KnownName kFifteen[] = {{"x-forwarded-for", ForwardedFor}};
constexpr KnownName kSixteen[] = {{"proxy-connection", HopByHop},
                                  {"x-forwarded-host", ForwardedOrigin},
                                  {"x-forwarded-port", ForwardedOrigin}};
constexpr KnownName kSeventeen[] = {{"transfer-encoding", HopByHop},
                                    {"x-forwarded-proto", ForwardedOrigin}};
// RFC 9110 section 11.7.2: for the first proxy that asks for it. We ask for none, and what is
// behind us is no proxy.
constexpr KnownName kNineteen[] = {{"proxy-authorization", HopByHop}};

FieldMeaning by_size(std::string_view name) {
  switch (name.size()) {
    case 2:
      return among(kTwo, name);
    case 3:
      return among(kThree, name);
    case 4:
      return among(kFour, name);
    case 5:
      return among(kFive, name);
    case 6:
      return among(kSix, name);
    case 7:
      return among(kSeven, name);
    case 9:
      return among(kNine, name);
    case 10:
      return among(kTen, name);
    case 12:
      return among(kTwelve, name);
    case 14:
      return among(kFourteen, name);
    case 15:
      return among(kFifteen, name);
    case 16:
      return among(kSixteen, name);
    case 17:
      return among(kSeventeen, name);
    case 19:
      return among(kNineteen, name);
    default:
      return {};
  }
}

}  // namespace

FieldMeaning meaning_of(std::string_view name) {
  const FieldMeaning meaning = by_size(name);
  if (meaning.role != FieldRole::Content || name.size() <= kForwardedPrefix.size()) return meaning;
  const Likeness found = likeness(name, kForwardedPrefix);
  if (found == Likeness::None) return meaning;
  return {FieldRole::ForwardedOther, found == Likeness::Alike};
}

}  // namespace sockherd::http
