// SystemBus: the objects of bus_objects.h on the system bus, with signals of what changes, and the
// methods of the control interface for those whom authority.h allows them.
//
// The service does not need the bus: connecting never waits, a bus that is not there (or whose
// policy does not know us, or where another sockherd has the name) is said once and tried again,
// one that ends is joined again. The bus comes after everything else in the loop, so that nobody
// can keep the supervisor from its work with questions.
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include <memory>
#include <optional>
#include <string>

#include "daemon/base/instant.h"
#include "daemon/base/result.h"
#include "daemon/supervisor/authority.h"
#include "daemon/supervisor/bus_objects.h"
#include "daemon/supervisor/control_methods.h"
#include "daemon/supervisor/watch.h"

namespace sockherd::supervisor {

class SystemBus {
 public:
  static Result<std::unique_ptr<SystemBus>> create(sd_event* loop, Supervisor& supervisor);
  ~SystemBus();
  SystemBus(const SystemBus&) = delete;
  SystemBus& operator=(const SystemBus&) = delete;

  // Whether we shall be there; takes effect from the loop.
  void want(bool is_wanted);

  // Something may have changed: tells whoever listens, a moment later and all at once.
  void touch();

 private:
  SystemBus(sd_event* loop, Supervisor& supervisor) : loop_(loop), supervisor_(supervisor) {}
  void on_time();
  Result<void> join();
  Result<void> add_objects();
  void fail(const std::string& why);
  void leave();
  void publish();
  static int on_name(sd_bus_message* reply, void* userdata, sd_bus_error* error);
  static int on_disconnect(sd_bus_message* message, void* userdata, sd_bus_error* error);

  struct Close {  // without flushing: that would wait
    void operator()(sd_bus* bus) const { ::sd_bus_close_unref(bus); }
  };

  sd_event* loop_;
  Supervisor& supervisor_;
  Watch timer_;      // to join, or to leave
  Watch publisher_;  // to say what has changed
  bool is_wanted_ = false;
  bool is_joined_ = false;  // has the name
  bool has_said_ = false;   // that there is no bus
  bool is_touched_ = false;
  Duration pause_{};  // before the next try
  std::unique_ptr<sd_bus, Close> bus_;
  std::optional<Door> door_;
  std::optional<Authority> authority_;
  BusObjects published_;
};

}  // namespace sockherd::supervisor
