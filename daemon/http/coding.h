// Which content coding the client wants: Accept-Encoding (RFC 9110 section 12.5.3). Pure.
//
// Whoever chooses by it says "Vary: Accept-Encoding" in every answer for that resource, also in 304
// and 406 (section 12.5.5), and gives each coding a tag of its own (entity_tag.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "daemon/http/request.h"

namespace sockherd::http {

enum class Coding : uint8_t { Identity, Gzip, Brotli };

// What stands in Content-Encoding; "identity", which stands in none, for no coding.
std::string_view coding_name(Coding coding);

class AcceptedCodings {
 public:
  // All lines of the field count. Elements that are malformed are none.
  explicit AcceptedCodings(const RequestHead& head);

  // The best of those on offer, which stand in the order of our own preference: it decides where
  // the client does not. Nothing where the client refuses all of them; then 406 is the answer that
  // respects it, and identity all the same the one that disregards it (section 12.1): both are
  // right.
  std::optional<Coding> best(std::span<const Coding> offer) const;

  bool refuses(Coding coding) const { return weight(coding) == 0; }

 private:
  static constexpr int kNotListed = -1;

  void read_line(std::string_view list);
  void read_element(std::string_view element);
  // Thousandths; kNotListed where neither the coding nor "*" is listed.
  int weight(Coding coding) const;

  bool has_field_ = false;
  std::array<int, 3> weights_{kNotListed, kNotListed, kNotListed};  // by Coding
  int others_ = kNotListed;                                         // of "*"
};

}  // namespace sockherd::http
