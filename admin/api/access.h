// The access rules: which requests are listened to at all, decided on the head alone.
//
// The admin port has no password: who may open the Unix socket may use it, and a TCP port is bound
// to loopback. What remains is a browser on this machine that a foreign page talks through, and
// every rule here closes one way of that: DNS rebinding (Host), cross-site requests (Origin,
// Sec-Fetch-Site, and a content type that no form can send), WebSockets (Upgrade). No CORS field is
// ever sent.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/api/endpoints.h"
#include "admin/api/message.h"
#include "admin/api/problem.h"
#include "admin/metrics/snapshot.h"

namespace sockherd::api {

class AccessRules {
 public:
  // tcp_addresses: where the server listens, "127.0.0.1:9753". extra: further names of it
  // (admin.hosts), with or without a port.
  AccessRules(const std::vector<std::string>& tcp_addresses, const std::vector<std::string>& extra);

  // Why a request is refused, whatever it asks for; nothing if it is not.
  std::optional<metrics::Refused> check(const Request& request) const;

  // Why a request to `endpoint` is refused: what changes things must be application/json.
  static std::optional<metrics::Refused> check_content_type(const Request& request,
                                                            const Endpoint& endpoint);

  const std::vector<std::string>& hosts() const { return hosts_; }

 private:
  bool is_allowed_host(std::string_view host) const;
  bool is_allowed_origin(std::string_view origin) const;
  void allow(std::string_view host, std::string_view port);

  std::vector<std::string> hosts_;
};

// What the client is told: 421, 403, 400 or 415.
Problem refusal(metrics::Refused reason);

}  // namespace sockherd::api
