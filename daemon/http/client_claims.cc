#include "daemon/http/client_claims.h"

#include "daemon/http/field_runs.h"

namespace sockherd::http {
namespace {

constexpr std::string_view kFor = "X-Forwarded-For: ";
constexpr std::string_view kProto = "X-Forwarded-Proto: ";
constexpr std::string_view kHost = "X-Forwarded-Host: ";
constexpr std::string_view kPort = "X-Forwarded-Port: ";
constexpr std::string_view kForwarded = "Forwarded: ";

// Whether all quotes of a list are closed: what is appended to one that is not would be inside of
// it.
bool has_whole_quotes(std::string_view text) {
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == '\\' && quoted) ++i;
  }
  return !quoted;
}

}  // namespace

bool ClientClaims::keeps(FieldMeaning meaning) {
  if (forwarding_ == Forwarding::Off) return true;
  if (forwarding_ == Forwarding::Replace || meaning.is_look_alike) return false;
  switch (meaning.role) {
    case FieldRole::ForwardedFor:
      has_list_ = true;
      return false;
    case FieldRole::Forwarded:
      has_forwarded_ = true;
      return false;
    case FieldRole::ForwardedOrigin:
      has_origin_ = true;
      return true;
    default:
      return true;
  }
}

size_t ClientClaims::most_bytes(const ForwardClient& client) const {
  if (forwarding_ == Forwarding::Off) return 0;
  constexpr size_t kWords = 160;  // the names, and what stands between the values
  size_t most = kWords + 2 * (client.address.size() + client.protocol.size() + head_.host.size()) +
                client.port.size();
  // Each value that came with the ", " behind it, which took a name and a line end before.
  if (has_list_ || has_forwarded_) most += lines_of(head_.fields()).size();
  return most;
}

void ClientClaims::write(Writer& writer, const ForwardClient& client) const {
  if (forwarding_ == Forwarding::Off) return;
  if (has_list_ || (!has_forwarded_ && !client.address.empty())) {
    writer.add(kFor);
    if (has_list_) add_list(writer, FieldRole::ForwardedFor);
    // RFC 7239 section 6.2 has a word for it; in the list it is what others write there.
    writer.add(client.address.empty() ? std::string_view("unknown") : client.address);
    writer.add(kLineEnd);
  }
  if (!has_origin_) add_origin(writer, client);
  if (has_forwarded_ || !has_list_) add_forwarded(writer, client);
}

// "a, b, ": all values of that field that came, which is one list (RFC 9110 section 5.3).
void ClientClaims::add_list(Writer& writer, FieldRole role) const {
  for (const Field& field : head_.fields()) {
    const FieldMeaning meaning = meaning_of(field.name);
    if (meaning.role != role || meaning.is_look_alike || field.value.empty()) continue;
    if (role == FieldRole::Forwarded && !has_whole_quotes(field.value)) continue;
    writer.add(field.value);
    writer.add(", ");
  }
}

void ClientClaims::add_origin(Writer& writer, const ForwardClient& client) const {
  writer.add_line(kProto, client.protocol);
  writer.add_line(kHost, head_.host);
  writer.add_line(kPort, client.port);
}

// RFC 7239 section 4. An IPv6 address has brackets and quotes (section 6); a host is quoted,
// because its port needs it. No byte of an authority would have to be escaped (authority.h).
void ClientClaims::add_forwarded(Writer& writer, const ForwardClient& client) const {
  writer.add(kForwarded);
  if (has_forwarded_) add_list(writer, FieldRole::Forwarded);
  if (client.address.empty()) {
    writer.add("for=unknown");
  } else if (client.address.find(':') != std::string_view::npos) {
    writer.add("for=\"[");
    writer.add(client.address);
    writer.add("]\"");
  } else {
    writer.add("for=");
    writer.add(client.address);
  }
  if (!head_.host.empty()) {
    writer.add(";host=\"");
    writer.add(head_.host);
    writer.add("\"");
  }
  writer.add(";proto=");
  writer.add(client.protocol);
  writer.add(kLineEnd);
}

}  // namespace sockherd::http
