// Who listens at the address of a worker's own (handover = "private-port"): until the worker has
// bound its port anybody may, and a program that finds it taken may go to another one. What asks
// there must not take a stranger for the worker, nor send him requests.
//
// It is the worker where one of its processes has the listening socket. Where that can not be seen,
// or something else listens for it (the proxy of a container), the socket must at least have been
// made by root or by a user that the worker runs as, and not belong to another one of our workers.
#pragma once

#include <sys/types.h>

#include "daemon/supervisor/probe.h"
#include "daemon/sys/accepted.h"

namespace sockherd::supervisor {

// What is known of whoever listens there. Pure.
struct AddressOwner {
  sys::Holder is_worker = sys::Holder::Unknown;
  bool is_trusted_user = false;
  bool is_other_worker = false;

  Probe::Acceptor acceptor() const;
};

// Who takes what comes over this connection to the worker's own address; see Probe::Question. All
// that are not the worker are Another, and where nobody can be found, it is as it always was: Ours.
Probe::Acceptor owner_of_address(int connection, pid_t worker, bool is_ended);

}  // namespace sockherd::supervisor
