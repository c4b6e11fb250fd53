// Who the client is, in the fields that proxies say it in: X-Forwarded-For and its like, and
// Forwarded (RFC 7239). What a request brings of them, and what goes to the upstream.
//
// With Forwarding::Append, the list that came goes on with the client at its end. Of two lists, the
// one that a proxy before us does not write stays unwritten: whoever believes it more than the
// other would take that proxy for the client. Host, protocol and port are one thing: where one of
// them came, none is added.
//
// Internal to forward_request.cc.
#pragma once

#include <cstddef>
#include <string_view>

#include "daemon/http/field_role.h"
#include "daemon/http/forward.h"
#include "daemon/http/writer.h"

namespace sockherd::http {

class ClientClaims {
 public:
  ClientClaims(const RequestHead& head, Forwarding forwarding)
      : head_(head), forwarding_(forwarding) {}

  // Takes note of one of the fields. Returns whether it goes on as it came.
  bool keeps(FieldMeaning meaning);

  // How many bytes write() puts at most.
  size_t most_bytes(const ForwardClient& client) const;
  void write(Writer& writer, const ForwardClient& client) const;

 private:
  void add_list(Writer& writer, FieldRole role) const;
  void add_forwarded(Writer& writer, const ForwardClient& client) const;
  void add_origin(Writer& writer, const ForwardClient& client) const;

  const RequestHead& head_;
  Forwarding forwarding_;
  bool has_list_ = false;       // X-Forwarded-For
  bool has_forwarded_ = false;  //
  bool has_origin_ = false;     // X-Forwarded-Host, -Port or -Proto
};

}  // namespace sockherd::http
