// Listeners: every listening socket of the service, by name. The supervisor holds each one for as
// long as its listener is configured, so a queue outlives the worker that accepts from it.
//
// A TCP listener is a SO_REUSEPORT group with one socket a slot: the adopted ones (one, or several
// from equal ListenStream= lines) come first, clones follow. Their order is the kernel's order in
// the group, which steering counts by. A Unix listener has one socket that all slots share: AF_UNIX
// knows nothing else (EOPNOTSUPP, measured).
//
// A slot is created masked where others are served already: it must get no connection before
// somebody accepts there.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/config/config.h"
#include "daemon/sys/activation.h"
#include "daemon/sys/address.h"

namespace sockherd::supervisor {

class Listeners {
 public:
  Listeners() = default;
  ~Listeners();  // removes the nodes of the Unix sockets that we bound
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;

  struct Group {
    sys::SocketAddress address;
    std::vector<UniqueFd> sockets;            // by slot; one for Unix
    uint32_t adopted = 0;                     // the first so many came from systemd
    std::optional<sys::SocketAddress> bound;  // what we bound, as configured; nothing = adopted
    std::vector<uint32_t>
        served;  // slots that new connections are steered to; empty = not steered yet

    bool is_unix() const { return address.is_unix(); }
  };

  // Takes the sockets that systemd passed, and detaches a steering program that a predecessor left.
  // Names of listeners in `config` and "admin" are known.
  // Errors: a socket that nobody claims, naming it and its address; one that is no listening stream
  // socket; sockets of one name with different addresses.
  Result<void> adopt(std::vector<sys::PassedFd> passed, const config::Config& config);

  // Makes sure that the listener exists, bound where systemd passed none, with at least `slots`
  // sockets. Errors: as bind_listener and clone_listener; an address that has changed since we
  // bound it. What existed before stays, and so do the sockets that were made before the error.
  Result<void> ensure(const config::Listener& listener, uint32_t slots);

  // The socket of a slot, borrowed. Requires: ensure() for at least that slot.
  int socket(const std::string& name, uint32_t slot) const;

  // Steers new connections to these slots; empty parks the group on its adopted sockets, which
  // systemd keeps when we go.
  Result<void> serve(const std::string& name, const std::vector<uint32_t>& slots);

  // Forgets every other listener: closes the sockets that we made. Adopted ones stay, since nobody
  // can ask systemd for them again: a later configuration may want them back.
  void keep_only(const std::set<std::string>& names);

  const std::map<std::string, Group>& groups() const { return groups_; }

  // The sockets passed under the name "admin", for the admin process.
  const std::vector<UniqueFd>& admin() const { return admin_; }

 private:
  Result<void> adopt_one(sys::PassedFd passed, const config::Config& config);
  Result<Group> bind_group(const config::Listener& listener) const;
  static Result<void> check_unmoved(const config::Listener& listener, const Group& group);
  static Result<void> grow(Group& group, uint32_t slots);

  std::map<std::string, Group> groups_;
  std::vector<UniqueFd> admin_;
};

}  // namespace sockherd::supervisor
