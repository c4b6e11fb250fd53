#include "daemon/worker/proxy_failure.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace sockherd::worker {

using stats::Count;

ProxyRefusal refusal_of(ProxyFailure why) {
  switch (why) {
    case ProxyFailure::QueueFull:
      return {503, "too many requests are waiting for an upstream", Count::ProxyUnavailable};
    case ProxyFailure::QueueTimeout:
      return {503, "no upstream was free in time", Count::ProxyUnavailable};
    case ProxyFailure::NoMeans:
      return {503, "no connection to the upstream can be made at the moment",
              Count::ProxyUnavailable};
    case ProxyFailure::NoConnection:
      return {502, "the upstream cannot be reached", Count::ProxyBadGateways};
    case ProxyFailure::Closed:
    case ProxyFailure::Broken:
      return {502, "the upstream closed the connection before it had answered",
              Count::ProxyBadGateways};
    case ProxyFailure::TimedOut:
      return {504, "the upstream took too long to answer", Count::ProxyTimeouts};
    case ProxyFailure::BadAnswer:
      break;
  }
  return {502, "the upstream's answer is not valid HTTP", Count::ProxyBadGateways};
}

// Of connect(2) and what comes before it: the upstream was not asked, or (EAGAIN, on a Unix socket)
// is only busy.
ProxyFailure failure_of(int error) {
  constexpr std::array kLacks = {EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EADDRNOTAVAIL, EAGAIN};
  const bool is_our_lack = std::find(kLacks.begin(), kLacks.end(), error) != kLacks.end();
  return is_our_lack ? ProxyFailure::NoMeans : ProxyFailure::NoConnection;
}

}  // namespace sockherd::worker
