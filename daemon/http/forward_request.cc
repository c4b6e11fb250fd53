#include <algorithm>
#include <charconv>
#include <optional>

#include "daemon/base/assert.h"
#include "daemon/http/characters.h"
#include "daemon/http/client_claims.h"
#include "daemon/http/connection_options.h"
#include "daemon/http/field_role.h"
#include "daemon/http/field_runs.h"
#include "daemon/http/forward.h"
#include "daemon/http/head_writer.h"
#include "daemon/http/request_id.h"

namespace sockherd::http {
namespace {

constexpr std::string_view kPseudonym = "sockherd";

// More of us in one chain is a loop: a proxy that is its own upstream.
constexpr size_t kMostHops = 10;

constexpr std::string_view kVersion = " HTTP/1.1\r\n";
constexpr std::string_view kHost = "Host: ";
constexpr std::string_view kRequestId = "X-Request-Id: ";
constexpr std::string_view kMaxForwards = "Max-Forwards: ";
constexpr std::string_view kTunnel = "Connection: Upgrade\r\n";
constexpr std::string_view kTrailers = "TE: trailers\r\nConnection: TE\r\n";

template <typename Predicate>
bool any_of_list(std::string_view list, Predicate predicate) {
  for (size_t comma = 0; comma != std::string_view::npos;) {
    comma = list.find(',');
    if (predicate(trim_blanks(list.substr(0, comma)))) return true;
    if (comma != std::string_view::npos) list.remove_prefix(comma + 1);
  }
  return false;
}

// RFC 9110 section 7.6.3: Via = #( received-protocol RWS received-by [ RWS comment ] ). Whether the
// element is ours; one that a client has made up costs nobody but that client.
bool is_ours(std::string_view element) {
  const size_t blank = element.find_first_of(" \t");
  if (blank == std::string_view::npos) return false;
  std::string_view by = trim_blanks(element.substr(blank));
  return by.substr(0, by.find_first_of(" \t")) == kPseudonym;
}

// RFC 9110 section 7.8. HTTP by another name: in the tunnel it would pass us unseen, with requests
// that no route of ours has judged.
bool is_hidden_http(std::string_view protocol) {
  const std::string_view name = protocol.substr(0, protocol.find('/'));
  return equals_ignore_case(name, "h2c") || equals_ignore_case(name, "http") ||
         equals_ignore_case(name, "tls");
}

// What the fields of a request say to a proxy, collected in one pass.
class Reading {
 public:
  Reading(const RequestHead& head, const ForwardTerms& terms)
      : head_(head),
        claims_(head, terms.forwarding),
        forwarding_(terms.forwarding),
        is_tunnel_(is_tunnel(head)) {}

  // Anything but Written ends it.
  ForwardedHead read();

  size_t most_bytes(const ForwardTerms& terms, const ForwardClient& client) const;
  // Requires: room for most_bytes(). Returns the request id.
  std::string_view write(Writer& writer, const ForwardTerms& terms, const ForwardClient& client,
                         const RequestId& id) const;

  bool takes_trailers() const { return takes_trailers_; }

 private:
  bool keeps(const Field& field);
  bool keeps_request_id(FieldMeaning meaning, std::string_view value);
  bool keeps_max_forwards(std::string_view value);
  void drop_nominated();
  std::string_view host(const ForwardTerms& terms) const {
    return terms.host.empty() ? head_.host : terms.host;
  }
  void add_request_line(Writer& writer) const;
  std::string_view add_request_id(Writer& writer, const RequestId& id) const;
  void add_framing(Writer& writer) const;

  const RequestHead& head_;
  ClientClaims claims_;
  ConnectionOptions options_;
  DroppedFields dropped_{};
  std::string_view request_id_;
  std::optional<uint64_t> max_forwards_;
  size_t hops_ = 0;
  Forwarding forwarding_;
  bool is_tunnel_;
  bool takes_trailers_ = false;
};

bool Reading::keeps_request_id(FieldMeaning meaning, std::string_view value) {
  if (forwarding_ != Forwarding::Off) {
    if (meaning.is_look_alike || !request_id_.empty() || !is_request_id(value)) return false;
  }
  if (request_id_.empty()) request_id_ = value;
  return true;
}

// RFC 9110 section 7.6.2: of OPTIONS and TRACE; what is no number is nobody's.
bool Reading::keeps_max_forwards(std::string_view value) {
  if (head_.method != Method::Options && head_.method != Method::Trace) return true;
  uint64_t hops = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, hops);
  if (error != std::errc{} || stop != end) return true;
  max_forwards_ = std::min(hops, max_forwards_.value_or(hops));
  return false;
}

bool Reading::keeps(const Field& field) {
  const FieldMeaning meaning = meaning_of(field.name);
  switch (meaning.role) {
    case FieldRole::Content:
      return true;
    case FieldRole::Forwarded:
    case FieldRole::ForwardedFor:
    case FieldRole::ForwardedOrigin:
    case FieldRole::ForwardedOther:
      return claims_.keeps(meaning);
    case FieldRole::RequestId:
      return keeps_request_id(meaning, field.value);
    default:
      break;
  }
  if (meaning.is_look_alike) return false;
  switch (meaning.role) {
    case FieldRole::Connection:
      options_.add(field.value);
      return false;
    case FieldRole::TransferCodings:
      takes_trailers_ |= head_.minor_version > 0 && any_of_list(field.value, [](auto coding) {
                           return equals_ignore_case(coding, "trailers");
                         });
      return false;
    case FieldRole::Trailer:
      return head_.body == BodyKind::Chunked;
    case FieldRole::Upgrade:
      return is_tunnel_;
    case FieldRole::Via:
      any_of_list(field.value, [this](auto element) {
        hops_ += is_ours(element) ? 1 : 0;
        return false;
      });
      return true;
    case FieldRole::MaxForwards:
      return keeps_max_forwards(field.value);
    default:
      return false;
  }
}

// RFC 9110 section 7.6.1. Not those that have a role: what a client says of itself is judged above,
// and Via is for whoever asks how the request has come.
void Reading::drop_nominated() {
  for (size_t i = 0; i < head_.field_count; ++i) {
    const Field& field = head_.storage[i];
    if (!options_.names(field.name)) continue;
    if (meaning_of(field.name).role == FieldRole::Content) drop_field(dropped_, i);
  }
}

ForwardedHead Reading::read() {
  using enum ForwardedHead::Outcome;
  if (head_.form == TargetForm::Authority) {
    return {.outcome = Refused, .status = 501, .reason = "CONNECT is not forwarded"};
  }
  for (size_t i = 0; i < head_.field_count; ++i) {
    if (!keeps(head_.storage[i])) drop_field(dropped_, i);
  }
  if (options_.overflows()) {
    return {.outcome = Refused, .status = 400, .reason = "too many Connection options"};
  }
  if (options_.names_fields()) drop_nominated();
  if (hops_ >= kMostHops) {
    return {.outcome = Refused, .status = 508, .reason = "the proxy asks itself"};
  }
  if (max_forwards_ == 0) return {.outcome = LastHop};
  return {};
}

size_t Reading::most_bytes(const ForwardTerms& terms, const ForwardClient& client) const {
  constexpr size_t kOwnLines = kVersion.size() + kHost.size() + kRequestId.size() +
                               kRequestIdDigits + via_line(1).size() + kMaxForwards.size() +
                               kContentLength.size() + kChunked.size() + kTunnel.size() +
                               kTrailers.size() + 2 * Decimal::kMost + 6 * kLineEnd.size() + 2;
  return kOwnLines + head_.method_text.size() + head_.target.size() + host(terms).size() +
         lines_of(head_.fields()).size() + claims_.most_bytes(client);
}

// RFC 9112 section 3.2.1 and 3.2.4: an origin server is asked in origin-form, without the authority
// that an absolute-form has; where nothing stands behind that but a query, the path is "/".
void Reading::add_request_line(Writer& writer) const {
  if (head_.form == TargetForm::Origin) {
    writer.add(view(head_.method_text.data(), head_.target.data() + head_.target.size()));
  } else {
    writer.add(head_.method_text);
    writer.add(" ");
    if (head_.form == TargetForm::Asterisk) {
      writer.add("*");
    } else {
      const std::string_view rest =
          view(head_.host.data() + head_.host.size(), head_.target.data() + head_.target.size());
      if (!rest.starts_with('/')) writer.add("/");
      writer.add(rest);
    }
  }
  writer.add(kVersion);
}

std::string_view Reading::add_request_id(Writer& writer, const RequestId& id) const {
  if (!request_id_.empty()) return request_id_;
  if (forwarding_ == Forwarding::Off) return {};
  writer.add(kRequestId);
  char* digits = writer.take(kRequestIdDigits);
  write_request_id(id, digits);
  writer.add(kLineEnd);
  return {digits, kRequestIdDigits};
}

void Reading::add_framing(Writer& writer) const {
  if (head_.body == BodyKind::Length) {
    writer.add(kContentLength);
    writer.add(head_.content_length);
    writer.add(kLineEnd);
  } else if (head_.body == BodyKind::Chunked) {
    writer.add(kChunked);
  }
  if (is_tunnel_) writer.add(kTunnel);
  if (takes_trailers_) writer.add(kTrailers);
}

std::string_view Reading::write(Writer& writer, const ForwardTerms& terms,
                                const ForwardClient& client, const RequestId& id) const {
  add_request_line(writer);
  writer.add(kHost);
  writer.add(host(terms));
  writer.add(kLineEnd);
  copy_fields(writer, head_.fields(), lines_of(head_.fields()), dropped_);
  claims_.write(writer, client);
  writer.add(via_line(head_.minor_version));
  const std::string_view request_id = add_request_id(writer, id);
  if (max_forwards_) {
    writer.add(kMaxForwards);
    writer.add(*max_forwards_ - 1);
    writer.add(kLineEnd);
  }
  add_framing(writer);
  writer.add(kLineEnd);
  return request_id;
}

}  // namespace

bool is_tunnel(const RequestHead& head) {
  if (!head.upgrade || head.method != Method::Get || head.body != BodyKind::None) return false;
  return std::none_of(head.fields().begin(), head.fields().end(), [](const Field& field) {
    return equals_ignore_case(field.name, "upgrade") && any_of_list(field.value, is_hidden_http);
  });
}

ForwardedHead write_upstream_head(const RequestHead& head, const ForwardTerms& terms,
                                  const ForwardClient& client, const RequestId& id,
                                  std::span<char> buffer) {
  Reading reading(head, terms);
  ForwardedHead result = reading.read();
  if (result.outcome != ForwardedHead::Outcome::Written) return result;
  const size_t most = reading.most_bytes(terms, client);
  if (most > buffer.size()) return {.outcome = ForwardedHead::Outcome::NoRoom, .bytes = most};
  Writer writer(buffer.data());
  result.request_id = reading.write(writer, terms, client, id);
  result.bytes = static_cast<size_t>(writer.at() - buffer.data());
  result.takes_trailers = reading.takes_trailers();
  SH_ASSERT(result.bytes <= most);
  return result;
}

}  // namespace sockherd::http
