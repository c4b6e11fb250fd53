// A small fleet as the supervisor would describe it, for tests of whoever reads such replies.
#pragma once

#include <string>
#include <vector>

#include "daemon/bus/dictionary.h"

namespace sockherd::api {

inline bus::Dictionary test_status() {
  bus::Dictionary status;
  status.set("version", std::string("0.1.0"));
  status.set("pid", int64_t{1});
  status.set("state", std::string("running"));
  status.set("ready", true);
  status.set("generation", uint64_t{3});
  status.set("uptime_seconds", 93784.5);
  status.set("start_time_seconds", 1700000000.25);
  status.set("config_file", std::string("/etc/sockherd/sockherd.toml"));
  status.set("reloads", uint64_t{5});
  status.set("reload_failures", uint64_t{1});
  status.set("last_reload_ok", true);
  status.set("last_reload_time_seconds", 1700090000.0);
  status.set("last_reload_seconds", 0.75);
  status.set("last_reload_reasons", std::vector<std::string>{});
  status.set("log_warnings", uint64_t{2});
  status.set("log_errors", uint64_t{0});
  status.set("admin_restarts", uint64_t{0});
  status.set("supervisor_starts", uint64_t{4});
  status.set("worker_adoptions", uint64_t{6});
  status.set("fd_store_failures", uint64_t{0});
  status.set("state_save_failures", uint64_t{0});
  status.set("watchdog_withheld", false);
  status.set("lame_duck", false);
  status.set("rollout", std::string());
  for (const char* key : {"adopted", "hung", "leaving", "lent"}) status.set(key, uint64_t{0});
  return status;
}

inline bus::Dictionary test_pool(const std::string& name, uint64_t workers, uint64_t slots,
                                 std::vector<std::string> command = {}, uint64_t generation = 3) {
  bus::Dictionary pool;
  pool.set("name", name);
  pool.set("desired", workers);
  pool.set("max", uint64_t{64});
  pool.set("ready", workers);
  for (const char* state : {"starting", "draining", "backoff"}) pool.set(state, uint64_t{0});
  pool.set("generation", generation);
  pool.set("slots", slots);
  pool.set("starts", workers + 2);
  pool.set("listeners", std::vector<std::string>{name});
  pool.set("command", std::move(command));
  pool.set("exits_requested", uint64_t{1});
  pool.set("exits_signal", uint64_t{1});
  for (const char* why :
       {"exit", "start_timeout", "drain_timeout", "start_failed", "hang", "forced_out"})
    pool.set(std::string("exits_") + why, uint64_t{0});
  for (const char* why : {"loop", "queue", "watchdog"})
    pool.set(std::string("hangs_") + why, uint64_t{0});
  for (const char* key : {"adopted", "hung", "leaving", "lent", "old_generations"})
    pool.set(key, uint64_t{0});
  return pool;
}

inline bus::Dictionary test_worker(const std::string& pool, uint64_t slot, uint64_t generation,
                                   const std::string& state = "ready") {
  bus::Dictionary worker;
  worker.set("pool", pool);
  worker.set("slot", slot);
  worker.set("generation", generation);
  worker.set("pid", static_cast<int64_t>(4000 + slot));
  worker.set("state", state);
  worker.set("uptime_seconds", 3600.0);
  worker.set("restarts", uint64_t{0});
  worker.set("status", std::string());
  worker.set("last_exit", std::string());
  return worker;
}

inline bus::Dictionary test_listener(const std::string& name, uint64_t slot) {
  bus::Dictionary listener;
  listener.set("name", name);
  listener.set("address", std::string("[::]:8080"));
  listener.set("slot", slot);
  listener.set("adopted", true);
  listener.set("served", true);
  listener.set("balance", std::string("least-connections"));
  listener.set("balance_in_force", std::string("hash"));
  listener.set("balance_reason", std::string("it needs CAP_BPF"));
  listener.set("accept_queue", uint64_t{2});
  listener.set("accept_queue_limit", uint64_t{4096});
  return listener;
}

}  // namespace sockherd::api
