#include "daemon/http/coding.h"

#include <algorithm>
#include <cstddef>

#include "daemon/http/characters.h"

namespace sockherd::http {
namespace {

constexpr int kMost = 1000;

// RFC 9110 section 12.4.2: "0" or "1", with up to three digits behind a dot; not above 1.
std::optional<int> parse_weight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int weight = (text[0] - '0') * kMost;
  int unit = kMost / 10;
  for (const char c : text.substr(std::min<size_t>(2, text.size()))) {
    if (!is_digit(c)) return std::nullopt;
    weight += (c - '0') * unit;
    unit /= 10;
  }
  if (weight > kMost) return std::nullopt;
  return weight;
}

std::optional<Coding> coding_of(std::string_view name) {
  if (equals_ignore_case(name, "br")) return Coding::Brotli;
  // Section 8.4.1.3: "x-gzip" is the same.
  if (equals_ignore_case(name, "gzip") || equals_ignore_case(name, "x-gzip")) return Coding::Gzip;
  if (equals_ignore_case(name, "identity")) return Coding::Identity;
  return std::nullopt;
}

// Listed twice: the lower weight, so that what was refused once is not sent.
void note(int& weight, int another) {
  weight = weight < 0 ? another : std::min(weight, another);
}

}  // namespace

std::string_view coding_name(Coding coding) {
  switch (coding) {
    case Coding::Identity:
      return "identity";
    case Coding::Gzip:
      return "gzip";
    case Coding::Brotli:
      return "br";
  }
  return "";
}

AcceptedCodings::AcceptedCodings(const RequestHead& head) {
  for (const Field& field : head.fields()) {
    if (!equals_ignore_case(field.name, "accept-encoding")) continue;
    has_field_ = true;
    read_line(field.value);
  }
}

void AcceptedCodings::read_line(std::string_view list) {
  for (size_t comma = 0; comma != std::string_view::npos;) {
    comma = list.find(',');
    read_element(trim_blanks(list.substr(0, comma)));
    if (comma != std::string_view::npos) list.remove_prefix(comma + 1);
  }
}

// codings [ OWS ";" OWS "q=" qvalue ]
void AcceptedCodings::read_element(std::string_view element) {
  const size_t semicolon = element.find(';');
  const std::string_view name = trim_blanks(element.substr(0, semicolon));
  int weight = kMost;
  if (semicolon != std::string_view::npos) {
    const std::string_view parameter = trim_blanks(element.substr(semicolon + 1));
    if (!equals_ignore_case(parameter.substr(0, 2), "q=")) return;
    const std::optional<int> parsed = parse_weight(parameter.substr(2));
    if (!parsed) return;
    weight = *parsed;
  }
  if (name == "*") return note(others_, weight);
  const std::optional<Coding> coding = coding_of(name);
  if (coding) note(weights_[static_cast<size_t>(*coding)], weight);
}

int AcceptedCodings::weight(Coding coding) const {
  const int listed = weights_[static_cast<size_t>(coding)];
  return listed != kNotListed ? listed : others_;
}

std::optional<Coding> AcceptedCodings::best(std::span<const Coding> offer) const {
  std::optional<Coding> best;
  for (const Coding coding : offer) {
    if (weight(coding) > (best ? weight(*best) : 0)) best = coding;
  }
  if (best) return best;
  // No coding is acceptable by default unless it is refused. Without the field all are (and
  // identity is what nobody misunderstands); with an empty one, only identity is.
  const auto identity = std::find(offer.begin(), offer.end(), Coding::Identity);
  if (identity != offer.end() && !refuses(Coding::Identity)) return Coding::Identity;
  if (!has_field_ && !offer.empty()) return offer.front();
  return std::nullopt;
}

}  // namespace sockherd::http
