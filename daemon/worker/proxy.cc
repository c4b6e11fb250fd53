#include "daemon/worker/proxy.h"

#include <utility>

#include "daemon/config/commands.h"
#include "daemon/worker/launch.h"
#include "daemon/worker/proxy_request.h"
#include "daemon/worker/service.h"

namespace sockherd::worker {
namespace {

http::Forwarding forwarding_of(const std::string& text) {
  if (text == "append") return http::Forwarding::Append;
  return text == "off" ? http::Forwarding::Off : http::Forwarding::Replace;
}

}  // namespace

Proxy::Proxy(const config::Route& route)
    : key_(config::upstream_key(route)),
      host_(route.upstream_host),
      terms_{.forwarding = forwarding_of(route.forwarded), .host = host_} {}

Proxy::~Proxy() = default;

Result<void> Proxy::start(Service& service) {
  service_ = &service;
  const UpstreamMap* map = service.upstreams;
  const auto found = map == nullptr ? UpstreamMap::const_iterator() : map->find(key_);
  if (map == nullptr || found == map->end()) {
    return Error{kExitUsage, "nobody has said who stands behind the proxy route \"" + key_ +
                                 "\": there is no descriptor sockherd.upstream." + key_};
  }
  upstreams_ = found->second.get();
  return {};
}

std::unique_ptr<Job> Proxy::handle(const Request& request, Exchange& exchange) {
  return new_request().begin(request, exchange);
}

ProxyRequest& Proxy::new_request() {
  if (free_.empty()) {
    all_.push_back(std::make_unique<ProxyRequest>(*this));
    return *all_.back();
  }
  ProxyRequest& request = *free_.back();
  free_.pop_back();
  return request;
}

void Proxy::take_back(ProxyRequest& request) {
  free_.push_back(&request);
}

}  // namespace sockherd::worker
