#include "daemon/supervisor/control_methods.h"

#include <optional>

#include "daemon/bus/dictionary.h"
#include "daemon/bus/interface.h"
#include "daemon/supervisor/bus_objects.h"
#include "daemon/supervisor/report.h"
#include "daemon/supervisor/supervisor.h"

namespace sockherd::supervisor {
namespace {

Supervisor& supervisor_of(void* userdata) {
  return static_cast<Door*>(userdata)->supervisor;
}

// Who comes by the control socket may do everything; others are asked about.
int ask(sd_bus_message* call, void* userdata, Wish wish, const Deed& deed) {
  Door& door = *static_cast<Door*>(userdata);
  return door.gate ? door.gate(call, std::move(wish), deed) : deed(door.supervisor, wish.by);
}

int refuse(sd_bus_message* call, const Refused& refused) {
  return ::sd_bus_reply_method_errorf(call, refused.name, "%s", refused.why.c_str());
}

// Answers with whatever `fill` appends.
template <typename Fill>
int answer(sd_bus_message* call, const Fill& fill) {
  sd_bus_message* raw = nullptr;
  if (const int made = ::sd_bus_message_new_method_return(call, &raw); made < 0) return made;
  const Message reply(raw);
  const Result<void> filled = fill(raw);
  if (!filled) {
    return ::sd_bus_reply_method_errorf(call, bus::kErrorUnavailable, "%s",
                                        filled.error().what.c_str());
  }
  return ::sd_bus_send(nullptr, raw, nullptr);
}

// A call that is answered later.
using Kept = std::shared_ptr<sd_bus_message>;
Kept keep(sd_bus_message* call) {
  return {::sd_bus_message_ref(call), UnrefMessage{}};
}

Supervisor::Done answer_later(const Kept& kept) {
  return [kept](const bus::Outcome& outcome) {
    // A failure means that the asker has gone; there is nobody to tell.
    answer(kept.get(), [&outcome](sd_bus_message* reply) {
      return bus::append(reply, bus::describe(outcome));
    });
  };
}

int get_status(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  return answer(call, [&](sd_bus_message* reply) {
    return bus::append(reply, report_status(supervisor_of(userdata)));
  });
}

// Everybody may read on the system bus, and there are programs that take secrets that way.
void hide_arguments(std::vector<bus::Dictionary>& pools) {
  for (bus::Dictionary& pool : pools) {
    std::vector<std::string> command = pool.list("command");
    if (command.size() < 2) continue;
    command.resize(1);
    pool.replace("command", std::move(command));
  }
}

int list_pools(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  const Door& door = *static_cast<Door*>(userdata);
  std::vector<bus::Dictionary> pools = report_pools(door.supervisor);
  if (door.gate) hide_arguments(pools);
  return answer(call, [&](sd_bus_message* reply) { return bus::append(reply, pools); });
}

int list_workers(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  const char* pool = nullptr;
  if (const int read = ::sd_bus_message_read(call, "s", &pool); read < 0) return read;
  const Supervisor& supervisor = supervisor_of(userdata);
  if (*pool != '\0' && !supervisor.fleet().pools().contains(pool)) {
    return refuse(call, {bus::kErrorNoSuchPool, std::string("there is no pool ") + pool});
  }
  return answer(call, [&](sd_bus_message* reply) {
    return bus::append(reply, report_workers(supervisor, pool));
  });
}

int list_listeners(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  return answer(call, [&](sd_bus_message* reply) {
    return bus::append(reply, report_listeners(supervisor_of(userdata)));
  });
}

int list_upstreams(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  return answer(call, [&](sd_bus_message* reply) {
    return bus::append(reply, report_upstreams(supervisor_of(userdata)));
  });
}

int list_events(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  uint64_t since = 0;
  uint32_t limit = 0;
  if (const int read = ::sd_bus_message_read(call, "tu", &since, &limit); read < 0) return read;
  const EventRing::Page page = supervisor_of(userdata).read_events(since, limit);
  return answer(call, [&](sd_bus_message* reply) -> Result<void> {
    TRY(bus::append(reply, report_events(page.events)));
    return bus::append(reply, report_page(page));
  });
}

int count_events(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  return answer(call, [&](sd_bus_message* reply) {
    return bus::append(reply, report_event_counts(supervisor_of(userdata).count_events()));
  });
}

int set_workers(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  const char* pool = nullptr;
  uint32_t workers = 0;
  const char* by = nullptr;
  if (const int read = ::sd_bus_message_read(call, "sus", &pool, &workers, &by); read < 0) {
    return read;
  }
  const std::string count = std::to_string(workers);
  Wish wish{bus::kActionScale,
            "scale " + std::string(pool) + " " + count,
            by,
            {{"pool", pool}, {"workers", count}}};
  return ask(call, userdata, std::move(wish),
             [kept = keep(call), pool = std::string(pool), workers](Supervisor& supervisor,
                                                                    const std::string& asker) {
               uint32_t before = 0;
               const auto refused = supervisor.scale(pool, workers, asker, &before);
               return refused ? refuse(kept.get(), *refused)
                              : ::sd_bus_reply_method_return(kept.get(), "u", before);
             });
}

int reload(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  const char* by = nullptr;
  if (const int read = ::sd_bus_message_read(call, "s", &by); read < 0) return read;
  return ask(call, userdata, {bus::kActionReload, "reload", by, {}},
             [kept = keep(call)](Supervisor& supervisor, const std::string& asker) {
               const auto refused = supervisor.reload(asker, answer_later(kept));
               return refused ? refuse(kept.get(), *refused) : 1;
             });
}

int restart(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  const char* pool = nullptr;
  int32_t slot = -1;
  const char* by = nullptr;
  if (const int read = ::sd_bus_message_read(call, "sis", &pool, &slot, &by); read < 0) {
    return read;
  }
  const auto which = slot < 0 ? std::nullopt : std::optional(static_cast<uint32_t>(slot));
  const std::string place = which ? " " + std::to_string(slot) : "";
  return ask(call, userdata,
             {bus::kActionRestart, "restart " + std::string(pool) + place, by, {{"pool", pool}}},
             [kept = keep(call), pool = std::string(pool), which](Supervisor& supervisor,
                                                                  const std::string& asker) {
               const auto refused = supervisor.restart(pool, which, asker, answer_later(kept));
               return refused ? refuse(kept.get(), *refused) : 1;
             });
}

int open_statistics(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  const char* pool = nullptr;
  if (const int read = ::sd_bus_message_read(call, "s", &pool); read < 0) return read;
  const auto fd = supervisor_of(userdata).hands().statistics().open_read_only(pool);
  if (!fd) {
    const bool is_missing = fd.error().code == ENOENT;
    return refuse(call,
                  {is_missing ? bus::kErrorNoSuchPool : bus::kErrorUnavailable, fd.error().what});
  }
  return ::sd_bus_reply_method_return(call, "h", fd.value().get());  // sd-bus duplicates it
}

// UNPRIVILEGED: without it sd-bus asks for CAP_SYS_ADMIN in the caller; the mode of the socket is
// our rule, or the gate of the door.
constexpr uint64_t kFlags = SD_BUS_VTABLE_UNPRIVILEGED;

constexpr uint64_t kConst = SD_BUS_VTABLE_PROPERTY_CONST;
constexpr uint64_t kChanges = SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE;

const sd_bus_vtable kVtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Version", "s", read_property, 0, kConst),
    SD_BUS_PROPERTY("ProcessId", "x", read_property, 0, kConst),
    SD_BUS_PROPERTY("ConfigFile", "s", read_property, 0, kConst),
    SD_BUS_PROPERTY("State", "s", read_property, 0, kChanges),
    SD_BUS_PROPERTY("Ready", "b", read_property, 0, kChanges),
    SD_BUS_PROPERTY("Generation", "t", read_property, 0, kChanges),
    SD_BUS_PROPERTY("Rollout", "s", read_property, 0, kChanges),
    SD_BUS_PROPERTY("LastReloadOk", "b", read_property, 0, kChanges),
    SD_BUS_METHOD_WITH_ARGS("GetStatus", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", status), get_status,
                            kFlags),
    SD_BUS_METHOD_WITH_ARGS("ListPools", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", pools), list_pools,
                            kFlags),
    SD_BUS_METHOD_WITH_ARGS("ListWorkers", SD_BUS_ARGS("s", pool), SD_BUS_RESULT("aa{sv}", workers),
                            list_workers, kFlags),
    SD_BUS_METHOD_WITH_ARGS("ListListeners", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", listeners),
                            list_listeners, kFlags),
    SD_BUS_METHOD_WITH_ARGS("ListUpstreams", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", upstreams),
                            list_upstreams, kFlags),
    SD_BUS_METHOD_WITH_ARGS("ListEvents", SD_BUS_ARGS("t", since, "u", limit),
                            SD_BUS_RESULT("aa{sv}", events, "a{sv}", page), list_events, kFlags),
    SD_BUS_METHOD_WITH_ARGS("CountEvents", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", counts),
                            count_events, kFlags),
    SD_BUS_METHOD_WITH_ARGS("SetWorkers", SD_BUS_ARGS("s", pool, "u", count, "s", by),
                            SD_BUS_RESULT("u", before), set_workers, kFlags),
    SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_ARGS("s", by), SD_BUS_RESULT("a{sv}", outcome), reload,
                            kFlags),
    SD_BUS_METHOD_WITH_ARGS("Restart", SD_BUS_ARGS("s", pool, "i", slot, "s", by),
                            SD_BUS_RESULT("a{sv}", outcome), restart, kFlags),
    SD_BUS_METHOD_WITH_ARGS("OpenStatistics", SD_BUS_ARGS("s", pool), SD_BUS_RESULT("h", segment),
                            open_statistics, kFlags),
    SD_BUS_VTABLE_END,
};

}  // namespace

const sd_bus_vtable* control_methods() {
  return kVtable;
}

}  // namespace sockherd::supervisor
