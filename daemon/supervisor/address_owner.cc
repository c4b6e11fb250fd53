#include "daemon/supervisor/address_owner.h"

#include <unistd.h>

namespace sockherd::supervisor {

Probe::Acceptor AddressOwner::acceptor() const {
  if (is_worker == sys::Holder::Yes) return Probe::Acceptor::Ours;
  const bool may_be = is_trusted_user && !is_other_worker;
  // Unknown, and of another user: what the worker has started by sudo(8), say, may well be that
  // user's; but then one of its processes runs as that user, which is_trusted_user knows.
  return may_be ? Probe::Acceptor::Ours : Probe::Acceptor::Another;
}

Probe::Acceptor owner_of_address(int connection, pid_t worker, bool is_ended) {
  const auto listener = sys::listener_of_peer(connection);
  if (!listener.ok()) return Probe::Acceptor::Ours;
  if (!listener.value()) {
    // The kernel passes it on to somewhere else; or it was accepted and the door closed behind it.
    const auto peer = sys::inode_of_peer(connection);
    const bool is_here = is_ended || (peer.ok() && peer.value() != 0);
    return is_here ? Probe::Acceptor::Another : Probe::Acceptor::Ours;
  }
  const auto [inode, user] = *listener.value();
  AddressOwner owner{.is_worker = sys::holds_socket(worker, inode)};
  if (owner.is_worker != sys::Holder::Yes) {
    owner.is_trusted_user = user == 0 || sys::runs_as(worker, user);
    // The last look is at all that we have open: only where the answer decides.
    owner.is_other_worker = owner.is_trusted_user && owner.is_worker == sys::Holder::No &&
                            sys::holds_socket(::getpid(), inode) == sys::Holder::Yes;
  }
  return owner.acceptor();
}

}  // namespace sockherd::supervisor
