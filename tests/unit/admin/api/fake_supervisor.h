// FakeSupervisor: the server's half of the control interface in the test's own process, on the same
// loop: answers from plain data, notes what was called, and can refuse or keep a caller waiting.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/assert.h"
#include "daemon/base/unique_fd.h"
#include "daemon/bus/client.h"
#include "daemon/bus/dictionary.h"
#include "daemon/bus/interface.h"
#include "daemon/stats/segment.h"
#include "daemon/sys/shared_memory.h"

namespace sockherd::api {

class FakeSupervisor {
 public:
  FakeSupervisor(sd_event* loop, UniqueFd socket) {
    sd_id128_t id;
    sd_id128_randomize(&id);
    must(sd_bus_new(&bus_));
    must(sd_bus_set_fd(bus_, socket.get(), socket.get()));
    static_cast<void>(socket.release());
    must(sd_bus_set_server(bus_, 1, id));
    must(sd_bus_set_anonymous(bus_, 1));
    must(sd_bus_negotiate_fds(bus_, 1));
    must(sd_bus_start(bus_));
    must(sd_bus_add_object_vtable(bus_, nullptr, bus::kObject, bus::kInterface, vtable(), this));
    must(sd_bus_attach_event(bus_, loop, SD_EVENT_PRIORITY_NORMAL));
  }
  FakeSupervisor(const FakeSupervisor&) = delete;
  FakeSupervisor& operator=(const FakeSupervisor&) = delete;
  ~FakeSupervisor() {
    for (sd_bus_message* call : held_) sd_bus_message_unref(call);
    if (bus_ != nullptr) sd_bus_close_unref(bus_);
  }

  // A statistics segment for `pool`, as the supervisor makes it.
  stats::Segment& add_segment(const std::string& pool, uint32_t slots, uint32_t seats) {
    const size_t bytes = stats::Segment::size_bytes(slots, seats);
    UniqueFd fd = sys::create_memory_file("test", bytes).value();
    sys::Mapping mapping = sys::Mapping::create(fd.get(), sys::Access::ReadWrite).value();
    const stats::Segment segment = stats::Segment::format(mapping.bytes(), slots, seats);
    return segments_.insert_or_assign(pool, Pages{std::move(fd), std::move(mapping), segment})
        .first->second.segment;
  }

  // Answers what `hold` kept waiting, with this outcome.
  void release(bool ok, std::vector<std::string> reasons = {}, std::string failure = "") {
    outcome = {.ok = ok, .reasons = std::move(reasons), .failure = std::move(failure)};
    for (sd_bus_message* call : std::exchange(held_, {})) {
      reply_outcome(call);
      sd_bus_message_unref(call);
    }
  }

  bus::Dictionary status;
  std::vector<bus::Dictionary> pools, workers, listeners, upstreams;
  std::string refuse_with;  // an error name: every call fails with it
  bool hold = false;        // Reload and Restart wait for release()
  bus::Outcome outcome{.ok = true, .seconds = 1.5};
  std::vector<bus::Dictionary> events;
  bus::Dictionary page, event_counts;
  uint32_t workers_before = 4;
  std::vector<std::string> calls;  // "SetWorkers web 8"
  std::string asker;               // of the last change

 private:
  struct Pages {
    UniqueFd fd;
    sys::Mapping mapping;
    stats::Segment segment;
  };

  static void must(int outcome) { SH_ASSERT(outcome >= 0); }

  static int reply(sd_bus_message* call, const auto& append) {
    sd_bus_message* message = nullptr;
    must(sd_bus_message_new_method_return(call, &message));
    append(message);
    const int sent = sd_bus_send(nullptr, message, nullptr);
    sd_bus_message_unref(message);
    return sent;
  }

  int reply_outcome(sd_bus_message* call) const {
    return reply(call, [&](sd_bus_message* message) {
      SH_ASSERT(bus::append(message, bus::describe(outcome)).ok());
    });
  }

  static int reply_one(sd_bus_message* call, const bus::Dictionary& one) {
    return reply(call, [&](sd_bus_message* m) { SH_ASSERT(bus::append(m, one).ok()); });
  }
  static int reply_list(sd_bus_message* call, const std::vector<bus::Dictionary>& list) {
    return reply(call, [&](sd_bus_message* m) { SH_ASSERT(bus::append(m, list).ok()); });
  }

  static int on_call(sd_bus_message* call, void* self, sd_bus_error* error) {
    return static_cast<FakeSupervisor*>(self)->answer(call, error);
  }

  int answer(sd_bus_message* call, sd_bus_error* error) {
    const std::string method = sd_bus_message_get_member(call);
    calls.push_back(method);
    if (!refuse_with.empty()) return sd_bus_error_set(error, refuse_with.c_str(), "refused so");
    if (method == "GetStatus") return reply_one(call, status);
    if (method == "ListPools") return reply_list(call, pools);
    if (method == "ListWorkers") return reply_list(call, workers);
    if (method == "ListListeners") return reply_list(call, listeners);
    if (method == "ListUpstreams") return reply_list(call, upstreams);
    if (method == "ListEvents") return list_events(call);
    if (method == "CountEvents") return reply_one(call, event_counts);
    if (method == "OpenStatistics") return open_statistics(call, error);
    if (method == "SetWorkers") return set_workers(call);
    note_rollout(call, method);
    if (!hold) return reply_outcome(call);
    held_.push_back(sd_bus_message_ref(call));
    return 1;
  }

  int open_statistics(sd_bus_message* call, sd_bus_error* error) {
    const char* pool = nullptr;
    must(sd_bus_message_read(call, "s", &pool));
    calls.back() += std::string(" ") + pool;
    const auto found = segments_.find(pool);
    if (found == segments_.end()) return sd_bus_error_set(error, bus::kErrorNoSuchPool, "no pool");
    const UniqueFd fd = sys::reopen_read_only(found->second.fd.get()).value();
    return reply(call, [&](sd_bus_message* message) {
      must(sd_bus_message_append(message, "h", fd.get()));
    });
  }

  int list_events(sd_bus_message* call) {
    uint64_t since = 0;
    uint32_t limit = 0;
    must(sd_bus_message_read(call, "tu", &since, &limit));
    calls.back() += " " + std::to_string(since) + " " + std::to_string(limit);
    return reply(call, [&](sd_bus_message* message) {
      SH_ASSERT(bus::append(message, events).ok() && bus::append(message, page).ok());
    });
  }

  int set_workers(sd_bus_message* call) {
    const char* pool = nullptr;
    uint32_t count = 0;
    const char* by = nullptr;
    must(sd_bus_message_read(call, "sus", &pool, &count, &by));
    asker = by;
    calls.back() += std::string(" ") + pool + " " + std::to_string(count);
    return reply(call, [&](sd_bus_message* message) {
      must(sd_bus_message_append(message, "u", workers_before));
    });
  }

  void note_rollout(sd_bus_message* call, const std::string& method) {
    const char* by = nullptr;
    if (method == "Reload") {
      must(sd_bus_message_read(call, "s", &by));
      asker = by;
      return;
    }
    const char* pool = nullptr;
    int32_t slot = 0;
    must(sd_bus_message_read(call, "sis", &pool, &slot, &by));
    asker = by;
    calls.back() += std::string(" ") + pool + " " + std::to_string(slot);
  }

  static const sd_bus_vtable* vtable() {
    static const sd_bus_vtable kVtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("GetStatus", "", "a{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListPools", "", "aa{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListWorkers", "s", "aa{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListListeners", "", "aa{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListUpstreams", "", "aa{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListEvents", "tu", "aa{sv}a{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("CountEvents", "", "a{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("SetWorkers", "sus", "u", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Reload", "s", "a{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Restart", "sis", "a{sv}", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("OpenStatistics", "s", "h", on_call, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END};
    return kVtable;
  }

  sd_bus* bus_ = nullptr;
  std::map<std::string, Pages> segments_;
  std::vector<sd_bus_message*> held_;
};

}  // namespace sockherd::api
