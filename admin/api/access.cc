#include "admin/api/access.h"

#include <algorithm>

namespace sockherd::api {
namespace {

using metrics::Refused;

// "[::1]:80" → "[::1]" and "80"; the port is empty where there is none.
std::pair<std::string_view, std::string_view> split_port(std::string_view address) {
  const size_t colon = address.rfind(':');
  const size_t bracket = address.rfind(']');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  if (!has_port) return {address, {}};
  return {address.substr(0, colon), address.substr(colon + 1)};
}

bool is_json(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  const size_t end = type.find_last_not_of(" \t");
  return equal_ignoring_case(type.substr(0, end == std::string_view::npos ? 0 : end + 1),
                             "application/json");
}

bool is_same_site(std::string_view fetch_site) {
  return fetch_site == "same-origin" || fetch_site == "none";
}

}  // namespace

AccessRules::AccessRules(const std::vector<std::string>& tcp_addresses,
                         const std::vector<std::string>& extra) {
  std::vector<std::string_view> ports;
  for (const std::string& address : tcp_addresses) {
    const auto [host, port] = split_port(address);
    for (const std::string_view name : {host, {"localhost"}, {"127.0.0.1"}, {"[::1]"}})
      allow(name, port);
    ports.push_back(port);
  }
  for (const std::string& name : extra) {
    hosts_.push_back(name);
    if (!split_port(name).second.empty()) continue;
    for (const std::string_view port : ports) allow(name, port);
  }
}

void AccessRules::allow(std::string_view host, std::string_view port) {
  hosts_.push_back(std::string(host) + ":" + std::string(port));
  if (port == "80") hosts_.emplace_back(host);  // browsers leave the default port out
}

bool AccessRules::is_allowed_host(std::string_view host) const {
  return std::any_of(hosts_.begin(), hosts_.end(),
                     [&](const std::string& name) { return equal_ignoring_case(name, host); });
}

// https as well: somebody may have put a proxy with a certificate in front, and named it in
// admin.hosts.
bool AccessRules::is_allowed_origin(std::string_view origin) const {
  for (const std::string_view scheme : {"http://", "https://"})
    if (origin.starts_with(scheme)) return is_allowed_host(origin.substr(scheme.size()));
  return false;
}

std::optional<Refused> AccessRules::check(const Request& request) const {
  if (request.peer.kind == Peer::Kind::Tcp && !is_allowed_host(request.host)) return Refused::Host;
  for (const std::string_view origin : request.values("Origin"))
    if (!is_allowed_origin(origin)) return Refused::Origin;
  for (const std::string_view site : request.values("Sec-Fetch-Site"))
    if (!is_same_site(site)) return Refused::FetchSite;
  if (request.upgrade) return Refused::Upgrade;
  return std::nullopt;
}

std::optional<Refused> AccessRules::check_content_type(const Request& request,
                                                       const Endpoint& endpoint) {
  if (endpoint.effect == Effect::Reads) return std::nullopt;
  const auto types = request.values("Content-Type");
  if (types.size() == 1 && is_json(types[0])) return std::nullopt;
  return Refused::ContentType;
}

Problem refusal(Refused reason) {
  switch (reason) {
    case Refused::Host:
      return {421, "host-refused", "The Host field names no address of this server",
              "Use an address that the server listens on, or add the name to admin.hosts."};
    case Refused::Origin:
      return {403, "origin-refused", "Requests from other origins are refused",
              "The Origin field is not one of this server's own addresses."};
    case Refused::FetchSite:
      return {403, "cross-site-refused", "Requests from other sites are refused",
              "Sec-Fetch-Site must be \"same-origin\" or \"none\"."};
    case Refused::Upgrade:
      return {400, "upgrade-refused", "This server speaks HTTP/1.1 only",
              "Send the request without an Upgrade field."};
    case Refused::ContentType:
      return {415, "content-type-refused", "What changes things must be application/json",
              "Send exactly one field \"Content-Type: application/json\", also without content."};
  }
  return {};
}

}  // namespace sockherd::api
