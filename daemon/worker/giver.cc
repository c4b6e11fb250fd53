#include "daemon/worker/giver.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "daemon/contract/message.h"
#include "daemon/sys/packet_socket.h"
#include "daemon/worker/connection.h"

namespace sockherd::worker {
namespace {

// The socket holds some 270 packets, and is read by then. No event tells of the other reasons to
// wait: descriptors under way are limited for each user (ETOOMANYREFS, unix(7)).
constexpr Duration kRetry = std::chrono::milliseconds(1);

bool passes(int code) {
  return code == EAGAIN || code == ETOOMANYREFS || code == ENOBUFS || code == ENOMEM ||
         code == EINTR;
}

}  // namespace

void Giver::begin() {
  service_.giver = this;
  if (service_.phase == ServicePhase::Draining) service_.connections.drain_all();
}

// Not at once: give() may have been called from the list of connections.
void Giver::end() {
  if (service_.giver == nullptr) return;
  service_.giver = nullptr;
  service_.loop.timers().arm(*this, service_.loop.now());
}

bool Giver::give(int fd, const Place& origin) {
  if (is_blocked_) return false;
  const contract::Message message{
      .verb = contract::Verb::Give, .listener = origin.listener, .slot = origin.slot};
  const Result<void> sent = sys::send_packet(control_, contract::encode(message), fd);
  if (sent.ok()) {
    has_given_ = true;
  } else if (passes(sent.error().code)) {
    is_blocked_ = true;
    service_.loop.timers().arm(*this, service_.loop.now() + kRetry);
  } else {
    end();
  }
  return sent.ok();
}

void Giver::on_due(Instant /*now*/) {
  is_blocked_ = false;
  if (service_.phase == ServicePhase::Draining) service_.connections.drain_all();
}

bool Giver::has_unread() const {
  int bytes = 0;
  return ::ioctl(control_, SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

}  // namespace sockherd::worker
