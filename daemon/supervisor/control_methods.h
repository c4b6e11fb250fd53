// The methods of io.sockherd.Sockherd1 (bus/interface.h) as a vtable of sd-bus: one for the control
// socket and for the system bus. Reads are answered at once; what changes something asks its door
// first.
#pragma once

#include <systemd/sd-bus.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sockherd::supervisor {

class Supervisor;

struct UnrefMessage {
  void operator()(sd_bus_message* message) const { ::sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, UnrefMessage>;

// What somebody wants to change.
struct Wish {
  const char* action;                                        // of packaging/polkit
  std::string what;                                          // for the log, as "scale web 6"
  std::string by;                                            // what the caller says of himself
  std::vector<std::pair<std::string, std::string>> details;  // for the rules of polkit
};

// Does it. by: for the log. A negative errno is answered to the caller.
using Deed = std::function<int(Supervisor& supervisor, const std::string& by)>;

// Whom a vtable's userdata points to.
struct Door {
  Supervisor& supervisor;
  // Asks whether the caller may, and calls the deed if so; else answers the call itself. Empty:
  // whoever reaches the door may do everything.
  std::function<int(sd_bus_message* call, Wish wish, Deed deed)> gate;
};

const sd_bus_vtable* control_methods();

}  // namespace sockherd::supervisor
