// Authority: who may change something over the system bus. Root and our own user may; others are a
// matter of polkit, which is asked as a service on the same bus. Where there is no polkit nobody
// else may.
//
// All of it is asynchronous, the user of the caller too: neither the bus nor polkit, nor a person
// who is to type a password, is ever waited for. What is under way is bounded.
#pragma once

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "daemon/base/instant.h"
#include "daemon/supervisor/control_methods.h"

namespace sockherd::supervisor {

// What polkit has said (org.freedesktop.PolicyKit1.Authority.CheckAuthorization).
struct Verdict {
  bool is_authorized = false;
  bool is_challenge = false;  // a password would help, and the caller did not allow to ask for it
  std::string error;          // the name of a D-Bus error instead; "" = none
};

// "" = he may; else the name of the D-Bus error that he gets, and for people why.
struct Refusal {
  const char* name = "";
  std::string why;
};
Refusal judge(const Verdict& verdict, const char* action);
// Whether polkit need not be asked.
bool is_trusted(uid_t caller, uid_t own);

class Authority {
 public:
  // bus: borrowed, and there as long as this is.
  Authority(sd_bus* bus, Supervisor& supervisor);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  // Door::gate.
  int ask(sd_bus_message* call, Wish wish, Deed deed);

 private:
  struct Question;
  static int on_user(sd_bus_message* reply, void* userdata, sd_bus_error* error);
  static int on_verdict(sd_bus_message* reply, void* userdata, sd_bus_error* error);
  int ask_polkit(Question& question);
  bool has_asked_too_much(const Question& question) const;
  void allow(Question& question);
  void refuse(Question& question, const Refusal& refusal);
  void forget(const Question& question);
  void log_refusal(const Question& question, const Refusal& refusal);

  sd_bus* bus_;
  Supervisor& supervisor_;
  std::list<std::unique_ptr<Question>> questions_;
  std::optional<Instant> last_logged_;
  uint64_t not_logged_ = 0;
};

}  // namespace sockherd::supervisor
