#include "daemon/sys/door.h"

#include <sys/socket.h>

#include <cstdint>

namespace sockherd::sys {
namespace {

constexpr int kBindToInterface = 62;  // SO_BINDTOIFINDEX, since Linux 5.0: takes any number
constexpr int kAll = 0;
constexpr int kNowhere = INT32_MAX;

Result<void> bind_to(int listener, int interface) {
  int now = kAll;
  socklen_t size = sizeof now;
  if (::getsockopt(listener, SOL_SOCKET, kBindToInterface, &now, &size) != 0) {
    return errno_error("SO_BINDTOIFINDEX");
  }
  // A second change needs CAP_NET_RAW, even to the same.
  if (now == interface) return {};
  if (::setsockopt(listener, SOL_SOCKET, kBindToInterface, &interface, sizeof interface) != 0) {
    return errno_error("SO_BINDTOIFINDEX");
  }
  return {};
}

}  // namespace

Result<void> close_door(int listener) {
  return bind_to(listener, kNowhere);
}

Result<void> open_door(int listener) {
  return bind_to(listener, kAll);
}

}  // namespace sockherd::sys
