#include "daemon/worker/proxy_failure.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace sockherd::worker {

using stats::Count;

ProxyRefusal refusal_of(ProxyFailure why) {
  switch (why) {
    case ProxyFailure::QueueFull:
      return {503, "too many requests wait already", Count::ProxyUnavailable};
    case ProxyFailure::QueueTimeout:
      return {503, "nobody was free in time", Count::ProxyUnavailable};
    case ProxyFailure::NoMeans:
      return {503, "no connection to who should answer can be made now", Count::ProxyUnavailable};
    case ProxyFailure::NoConnection:
      return {502, "who should answer cannot be reached", Count::ProxyBadGateways};
    case ProxyFailure::Closed:
    case ProxyFailure::Broken:
      return {502, "who should answer has broken off", Count::ProxyBadGateways};
    case ProxyFailure::TimedOut:
      return {504, "who should answer takes too long", Count::ProxyTimeouts};
    case ProxyFailure::BadAnswer:
      break;
  }
  return {502, "what was answered makes no sense", Count::ProxyBadGateways};
}

// Of connect(2) and what comes before it: who should answer has not been asked, or (EAGAIN, on a
// Unix socket) is only busy.
ProxyFailure failure_of(int error) {
  constexpr std::array kLacks = {EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EADDRNOTAVAIL, EAGAIN};
  const bool is_our_lack = std::find(kLacks.begin(), kLacks.end(), error) != kLacks.end();
  return is_our_lack ? ProxyFailure::NoMeans : ProxyFailure::NoConnection;
}

}  // namespace sockherd::worker
