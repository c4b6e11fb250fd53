// Watch: an event source of sd-event that is unregistered when its owner goes.
#pragma once

#include <systemd/sd-event.h>

#include <memory>

#include "daemon/base/result.h"

namespace sockherd::api {

struct Unwatch {
  void operator()(sd_event_source* source) const { sd_event_source_disable_unref(source); }
};
using Watch = std::unique_ptr<sd_event_source, Unwatch>;

inline Result<Watch> watch_io(sd_event* loop, int fd, uint32_t events,
                              sd_event_io_handler_t handler, void* self) {
  sd_event_source* source = nullptr;
  const int added = sd_event_add_io(loop, &source, fd, events, handler, self);
  if (added < 0) return errno_error("sd_event_add_io", -added);
  return Watch(source);
}

// A timer on CLOCK_MONOTONIC that does not run yet: set_deadline() starts it.
inline Result<Watch> watch_time(sd_event* loop, sd_event_time_handler_t handler, void* self) {
  // Deadlines are seconds: a tenth of one lets the kernel wake us for several at once.
  constexpr uint64_t kAccuracyUs = 100'000;
  sd_event_source* source = nullptr;
  const int added =
      sd_event_add_time(loop, &source, CLOCK_MONOTONIC, UINT64_MAX, kAccuracyUs, handler, self);
  if (added < 0) return errno_error("sd_event_add_time", -added);
  sd_event_source_set_enabled(source, SD_EVENT_OFF);
  return Watch(source);
}

}  // namespace sockherd::api
