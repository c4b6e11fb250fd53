// Listeners: every listening socket of the service. The supervisor holds each one for as
// long as its listener is configured, and has systemd keep it (fd_store.h), so a queue outlives the
// worker that accepts from it and this process as well.
//
// A TCP listener is a SO_REUSEPORT group with one socket for each thread of each slot: the adopted
// ones (one, or several from equal ListenStream= lines) come first, clones follow. Their order is
// the kernel's order in the group, which steering counts by; so a socket keeps its number for ever,
// and belongs to the same thread of the same slot (socket_owner.h). A Unix listener has one socket
// that all share, and that has any number: AF_UNIX knows nothing else (EOPNOTSUPP, measured).
//
// A group has a key, by which everybody here knows it: the name of its listener, or, where that
// name has moved to another address while the old one is still served, "NAME@ADDRESS".
//
// A socket is created masked where others are served already: it must get no connection before
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
#include "daemon/supervisor/balance.h"
#include "daemon/supervisor/fd_store.h"
#include "daemon/supervisor/inheritance.h"
#include "daemon/supervisor/socket_owner.h"
#include "daemon/sys/activation.h"
#include "daemon/sys/address.h"

namespace sockherd::supervisor {

// The key of a group whose name belongs to another address by now.
std::string moved_key(const std::string& name, const sys::SocketAddress& address);

class Listeners {
 public:
  explicit Listeners(FdStore& store) : store_(store) {}
  ~Listeners();  // removes the nodes of the Unix sockets that we bound
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;

  struct Group {
    sys::SocketAddress address;
    std::vector<UniqueFd> sockets;            // by number; one for Unix
    std::vector<SocketOwner> owners;          // by number, as far as they have one
    std::set<uint32_t> adopted;               // numbers of those that belong to a socket unit
    std::optional<sys::SocketAddress> bound;  // what we bound, as configured; nothing = adopted
    std::vector<uint32_t> served;  // new connections are steered to these; empty = not steered yet
    bool is_parked = false;        // nobody serves it any more
    bool is_aimed = false;         // see aim()

    bool is_unix() const { return address.is_unix(); }
  };

  // Takes the sockets of socket units and those that a predecessor had kept. A steering program
  // that it left stays until the first serve(): it knows which slots have a worker.
  // Names of listeners in `config` and "admin" are known.
  // owners: as the predecessor wrote them down; null for one that had one thread a worker.
  // Errors: a unit's socket that nobody claims, naming it and its address; one that is no listening
  // stream socket; sockets of one name with different addresses.
  Result<void> adopt(Inheritance& from, const config::Config& config,
                     const SocketOwners* owners = nullptr);

  // Makes sure that the listener exists, bound where systemd passed none, with a socket for each of
  // `threads` threads in each of `slots` slots.
  // Errors: as bind_listener and clone_listener; more sockets than a program can number. What
  // existed before stays, and so do the sockets that were made before the error.
  Result<void> ensure(const config::Listener& listener, uint32_t slots, uint32_t threads = 1);

  // The key of the group that is meant by the listener, as it is configured there; "" before
  // ensure(). It may have another name now, and still be the same address.
  std::string key_of(const config::Listener& listener) const;

  // The numbers of a slot's sockets, by lane.
  std::vector<uint32_t> numbers(const std::string& name, uint32_t slot) const;

  // Whose sockets they are, of all groups.
  SocketOwners owners() const;

  // The socket of that number, borrowed. Requires: it is one of numbers().
  int socket(const std::string& name, uint32_t number) const;
  // The same, or -1 where there is none.
  int find_socket(const std::string& name, uint32_t number) const;

  // Steers new connections to these sockets (at least one), as the balance of the listener says.
  Result<void> serve(const std::string& name, const std::vector<uint32_t>& numbers);

  // Connections from one port of ours come to one socket, whether it is served or not; everybody
  // else goes where he went. Until end_aim(), or until somebody is steered elsewhere. One at a
  // time. Errors: EBUSY while another one is aimed; of a Unix socket, which all share.
  Result<void> aim(const std::string& name, sys::Aim aim);
  void end_aim(const std::string& name);

  // Where the listener is reached from within this machine. Requires: it is there.
  sys::SocketAddress inside_address(const std::string& name) const;

  // Nobody serves the listener any more: new connections go to the sockets of its socket unit,
  // which systemd keeps when we go; where there are none, nobody else gets in, so that its queues
  // can be emptied to the end.
  Result<void> park(const std::string& name);

  // Forgets every other listener: closes the sockets that we made. Those of socket units stay,
  // since nobody can ask systemd for them again: a later configuration may want them back.
  void keep_only(const std::set<std::string>& names);

  // Brings the balance of every listener to what the configuration in force says, tries again where
  // that failed for a reason that passes, and corrects the drift of the loads. To be called now and
  // then.
  void look_after_balance(const config::Config& config);

  // Nothing for Unix sockets.
  const Balance* balance(const std::string& name) const;

  const std::map<std::string, Group>& groups() const { return groups_; }

  // Groups that have another key now than the predecessor had given them: before → after.
  const std::map<std::string, std::string>& renamed() const { return renamed_; }
  // Listening sockets from before that are of no use; they may hold connections.
  std::vector<UniqueFd> take_leftovers() { return std::exchange(leftovers_, {}); }

  // At the end of a stop: systemd need not keep the sockets that we have made.
  void forget_clones();

  // The sockets passed under the name "admin", for the admin process.
  const std::vector<UniqueFd>& admin() const { return admin_; }

 private:
  void put_aside(Inheritance::Spare& spare, Inheritance& from);
  void rename_kept(const Inheritance& from, const config::Config& config);
  void rename(const std::string& before, const std::string& after);
  Result<void> adopt_kept(const std::string& name, std::map<uint32_t, UniqueFd> sockets,
                          const SocketOwners* owners);
  Result<void> adopt_unit_socket(sys::PassedFd passed, const config::Config& config);
  Result<Group> bind_group(const config::Listener& listener) const;
  Result<void> grow(const std::string& name, Group& group, uint32_t slots, uint32_t threads);
  Result<void> add_clone(const std::string& name, Group& group);
  void add(const std::string& name, Group& group, UniqueFd socket);
  void drop_from(const std::string& name, Group& group, size_t first);
  Balance& balance_of(const std::string& name);
  static std::vector<uint32_t> members_of(const Group& group);
  Result<void> steer(const std::string& name, const Group& group);

  FdStore& store_;
  std::map<std::string, Group> groups_;
  std::map<std::string, Balance> balances_;  // of TCP listeners, by name
  unsigned looks_ = 0;                       // after their balance
  std::map<std::string, std::string> renamed_;
  std::vector<UniqueFd> leftovers_;
  std::vector<UniqueFd> admin_;
};

}  // namespace sockherd::supervisor
