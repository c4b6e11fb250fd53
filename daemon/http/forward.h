// What a proxy writes: the request head for the upstream, made of the client's, and the response
// head for the client, made of the upstream's.
//
// What a message says of one connection (RFC 9110 section 7.6.1) ends here: Connection, the fields
// that it names, Keep-Alive, Proxy-Connection, TE, Transfer-Encoding, Upgrade, and Expect, which we
// answer. The framing that is written is the one that our own parser has decided, never the field
// that came. All other fields go on as they came, in their order, in as few pieces as possible.
//
// Fields that an application server could take for one that we write or drop, because CGI and its
// heirs know no difference between "-" and "_", are dropped, too; and so is Proxy ("httpoxy").
//
// Pure, no allocation, no partial output: the whole head, or nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/http/request.h"
#include "daemon/http/response.h"
#include "daemon/http/response_head.h"

namespace sockherd::http {

// What becomes of Forwarded (RFC 7239), X-Forwarded-*, X-Real-IP and X-Request-Id.
enum class Forwarding : uint8_t {
  Replace,  // what the client says of itself is dropped, and we say it
  Append,   // behind another proxy: the client is added to the lists, and what it says of host,
            // protocol and port is kept
  Off,      // as they came, and nothing is added
};

// Of a route; outlives its requests.
struct ForwardTerms {
  Forwarding forwarding = Forwarding::Replace;
  std::string_view host;  // upstream_host; "" = the client's
};

// Of a connection.
struct ForwardClient {
  std::string_view address;  // "192.0.2.7", "2001:db8::1"; "" where there is none (AF_UNIX)
  std::string_view port;     // that it has asked: "8080"; "" where there is none
  std::string_view protocol = "http";
};

// 128 random bits.
struct RequestId {
  uint64_t high = 0;
  uint64_t low = 0;
};

struct ForwardedHead {
  enum class Outcome : uint8_t {
    Written,
    NoRoom,   // bytes: how many it takes at most
    Refused,  // status and reason: to answer the client with
    LastHop,  // Max-Forwards: 0 (RFC 9110 section 7.6.2): we are to answer ourselves
  };
  Outcome outcome = Outcome::Written;
  size_t bytes = 0;
  int status = 0;
  const char* reason = "";
  std::string_view request_id;  // Written: in the buffer; "" where there is none
  bool takes_trailers = false;  // Written: the client has said TE: trailers
};

// Whether the request is to be sent as one that upgrades to a tunnel: GET without content, for
// WebSocket or another protocol. Never for h2c, HTTP/2 or TLS, with which others would speak
// HTTP through the tunnel that we do not see: these are sent without Upgrade (RFC 9110 section 7.8
// lets the server ignore it).
bool is_tunnel(const RequestHead& head);

// The content is written as the head has it: with Content-Length, chunked, or without; the caller
// frames it by head.body. With is_tunnel(head), Upgrade is kept.
// Requires: the head is complete, and its bytes are still there.
// Refused: CONNECT (501), more Connection options than we look at (400), a request that has been
// here too often (508).
ForwardedHead write_upstream_head(const RequestHead& head, const ForwardTerms& terms,
                                  const ForwardClient& client, const RequestId& id,
                                  std::span<char> buffer);

// How the content of a response goes to the client.
struct ClientFraming {
  BodyKind body = BodyKind::None;  // as in ResponseHead
  uint64_t content_length = 0;
  bool until_close = false;  // HTTP/1.0, and the length is not known: Connection: close
};
ClientFraming frame_for_client(const ReceivedHead& head, Method method,
                               uint8_t client_minor_version);

struct ClientHead {
  ClientFraming framing;
  ConnectionOption connection = ConnectionOption::None;  // not for 1xx; Upgrade with 101
  std::string_view date;            // of DateCache; where the upstream sent none
  std::span<const Field> fields{};  // of the configuration; they replace those of the same name,
                                    // but for Vary, which is a list
};

// BadField: one of client.fields or the date would break out of its line. An interim response (not
// for an HTTP/1.0 client, RFC 9110 section 15.2) is written without date, Via and `fields`.
HeadWritten write_client_head(const ReceivedHead& head, const ClientHead& client,
                              std::span<char> buffer);

}  // namespace sockherd::http
