// Errands: what the supervisor's messages ask of one loop (daemon/contract/message.h): sockets to
// serve, to leave or to empty, connections to go on with or to give away; and the answers.
//
// The control socket is the worker's (control.h). The loops of all its threads answer on it: a
// packet is sent whole or not at all.
#pragma once

#include <string_view>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/contract/message.h"
#include "daemon/worker/acceptors.h"
#include "daemon/worker/giver.h"
#include "daemon/worker/service.h"

namespace sockherd::worker {

class Errands {
 public:
  // control: borrowed; stays open as long as this object lives.
  Errands(Service& service, Acceptors& acceptors, int control)
      : service_(service), acceptors_(acceptors), control_(control), giver_(service, control) {}

  // Does what the message says. While the service drains, that is about connections only. What
  // makes no sense is logged, the first time.
  void run(const contract::Message& message, UniqueFd fd);

  // Nobody is there any more to answer to, or to give to.
  void hang_up();

  const Giver& giver() const { return giver_; }

  void complain(std::string_view why);

 private:
  Result<void> obey(const contract::Message& message, UniqueFd fd);
  void adopt(const Place& place, UniqueFd fd);
  void answer(contract::Verb verb, const Place& place);

  Service& service_;
  Acceptors& acceptors_;
  int control_;
  Giver giver_;
  bool has_hung_up_ = false;
  bool has_complained_ = false;
};

}  // namespace sockherd::worker
