// StopQuery: whether the SIGTERM that we got is the first half of a restart. systemd sends the same
// signal for both, but has a job for our unit then, whose type says it
// (org.freedesktop.systemd1(5)).
//
// It matters: before a restart everybody serves on, and the successor takes over; before a stop
// everything is drained. Who can not tell (no bus, another service manager, a signal by hand)
// gets "stop", which is the safe answer: nothing is lost by it either.
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include <functional>
#include <memory>

#include "daemon/supervisor/watch.h"

namespace sockherd::supervisor {

class StopQuery {
 public:
  // Calls `answer` once, from the loop or from in here; at the latest after a second.
  // The variable SOCKHERD_STOP_MEANS ("stop", "restart") answers for other service managers.
  static std::unique_ptr<StopQuery> ask(sd_event* loop, std::function<void(bool)> answer);
  ~StopQuery();
  StopQuery(const StopQuery&) = delete;
  StopQuery& operator=(const StopQuery&) = delete;

 private:
  explicit StopQuery(std::function<void(bool)> answer) : answer_(std::move(answer)) {}
  bool begin(sd_event* loop);
  void conclude(bool is_restart);
  int call(const char* path, const char* interface, const char* member, sd_bus_message_handler_t on,
           const char* first = nullptr, const char* second = nullptr);
  static int on_unit(sd_bus_message* reply, void* self, sd_bus_error* error);
  static int on_job(sd_bus_message* reply, void* self, sd_bus_error* error);
  static int on_job_type(sd_bus_message* reply, void* self, sd_bus_error* error);

  struct Close {
    void operator()(sd_bus* bus) const { ::sd_bus_close_unref(bus); }
  };
  std::function<void(bool)> answer_;
  std::unique_ptr<sd_bus, Close> bus_;
  Watch deadline_;
};

}  // namespace sockherd::supervisor
