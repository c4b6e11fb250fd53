// How a Conversation becomes a WebSocket, or refuses to.
#include <array>
#include <optional>

#include "daemon/base/assert.h"
#include "daemon/worker/connection.h"
#include "daemon/worker/conversation.h"

namespace sockherd::worker {
namespace {

using stats::Count;

}  // namespace

bool Conversation::accept_web_socket(const WebSocketTerms& terms, WebSocketHandler& handler,
                                     void* context) {
  SH_ASSERT(head_ != nullptr && !answered_);
  const websocket::Handshake handshake = websocket::check_handshake(*head_);
  if (!handshake.is_valid()) {
    refuse_web_socket(handshake);
    return false;
  }
  if (!websocket::is_origin_allowed(*head_, terms.origins)) {
    service_.counters.add(Count::WebSocketOriginsRefused);
    answer_error(403, "this origin may not open a WebSocket here", {});
    return false;
  }
  if (service_.phase == ServicePhase::Draining) {
    constexpr std::array kFields = {http::Field{"Retry-After", "1"}};
    must_end_ = true;
    answer_error(503, "this worker is shutting down", kFields);
    return false;
  }
  const websocket::DeflateNegotiation offered = websocket::negotiate_deflate(*head_);
  if (offered.is_malformed) {
    answer_error(400, "Sec-WebSocket-Extensions is malformed", {});
    return false;
  }
  upgrade_ = {.handler = &handler, .context = context};
  std::optional<websocket::DeflateTerms> deflate;
  if (terms.deflate && service_.limits.web_socket.deflate) {
    deflate = offered.terms;
  }
  if (deflate) upgrade_.deflate_window_bits = deflate->server_window_bits;
  put_upgrade(handshake, deflate ? deflate->answer() : "",
              websocket::choose_subprotocol(*head_, terms.subprotocols));
  return true;
}

void Conversation::refuse_web_socket(const websocket::Handshake& handshake) {
  constexpr std::array kAllow = {http::Field{"Allow", "GET"}};
  std::span<const http::Field> fields;
  if (handshake.status == 405) fields = kAllow;
  if (handshake.status == 426) fields = websocket::kUpgradeFields;
  answer_error(handshake.status, handshake.reason, fields);
}

// RFC 6455 section 4.2.2. What the configuration adds to answers is for those that have content.
void Conversation::put_upgrade(const websocket::Handshake& handshake, std::string_view extensions,
                               std::string_view subprotocol) {
  const websocket::Accept accept = websocket::accept_of(handshake.key);
  std::array<http::Field, 4> fields = {
      {{"Upgrade", "websocket"}, {"Sec-WebSocket-Accept", {accept.data(), accept.size()}}}};
  size_t count = 2;
  if (!extensions.empty()) fields[count++] = {"Sec-WebSocket-Extensions", extensions};
  if (!subprotocol.empty()) fields[count++] = {"Sec-WebSocket-Protocol", subprotocol};
  Answer answer{.status = 101, .fields = std::span(fields).first(count)};
  Asked asked = this->asked(http::ConnectionOption::Upgrade);
  asked.extras = nullptr;
  if (!answers_.put(answer, asked)) connection_->close();
  answered_ = true;
  phase_ = Phase::Upgrade;
}

WebSocketUpgrade Conversation::take_upgrade() {
  phase_ = Phase::Head;
  return upgrade_;
}

}  // namespace sockherd::worker
