// Supervisor: the loop around the fleet. Turns signals, requests and exits into events, hands the
// fleet's actions on, and tells systemd and the askers how it went. Wires; decides only what is
// about this process itself.
//
// Single-threaded on sd-event. It never blocks on a child or a client and never parses a byte that
// came from the network.
#pragma once

#include <systemd/sd-event.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/bus/client.h"
#include "daemon/bus/dictionary.h"
#include "daemon/fleet/fleet.h"
#include "daemon/supervisor/admin_process.h"
#include "daemon/supervisor/event_ring.h"
#include "daemon/supervisor/exit_status.h"
#include "daemon/supervisor/hands.h"
#include "daemon/supervisor/monitor.h"
#include "daemon/supervisor/service_manager.h"
#include "daemon/supervisor/state_file.h"
#include "daemon/supervisor/stop_query.h"
#include "daemon/supervisor/watch.h"
#include "daemon/sys/activation.h"

namespace sockherd::supervisor {

class ControlServer;
class SystemBus;

// A request that was not taken: the D-Bus error name of bus/interface.h, and why.
struct Refused {
  const char* name = "";
  std::string why;
};

class Supervisor {
 public:
  struct Setup {
    ConfigSource config;
    std::vector<sys::PassedFd> passed;  // from systemd
    std::vector<std::string> environment;
  };

  // Reads the configuration, takes the sockets and starts the first workers.
  // Errors: an exit status and one line for people each.
  static StartResult<std::unique_ptr<Supervisor>> create(Setup setup);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Runs until stopped; answers the exit status.
  int run();

  // After run(): the workers live on, for a successor. Their supervisor must then not be destroyed,
  // which would take from them what they need (the nodes of sockets).
  bool has_handed_over() const { return has_handed_over_; }

  // --- requests, from the control interface and from signals
  // ----------------------------------------
  // by: who asks, for the log.
  using Done = std::function<void(const bus::Outcome&)>;
  std::optional<Refused> scale(const std::string& pool, uint32_t workers, const std::string& by,
                               uint32_t* before);
  std::optional<Refused> reload(const std::string& by, Done done);
  std::optional<Refused> restart(const std::string& pool, std::optional<uint32_t> slot,
                                 const std::string& by, Done done);

  // What has happened. No number and no count is told to anybody that a successor would not know.
  EventRing::Page read_events(uint64_t since, size_t limit);
  const EventRing::Counts& count_events();

  // --- for report.cc
  // --------------------------------------------------------------------------------
  struct ReloadRecord {
    uint64_t total = 0;
    uint64_t failures = 0;
    bool last_ok = true;
    double last_success_time = 0;  // Unix time
    double last_seconds = 0;
    std::vector<std::string> last_reasons;
  };
  // Counted by all supervisors of this run of the service.
  struct Totals {
    uint64_t warnings = 0;
    uint64_t errors = 0;
    uint64_t admin_restarts = 0;
    uint64_t starts = 0;  // of the supervisor
    uint64_t store_failures = 0;
    uint64_t save_failures = 0;
    uint64_t next_event = 0;
    bool operator==(const Totals&) const = default;
  };
  Totals totals() const;
  const fleet::Fleet& fleet() const { return fleet_; }
  const Hands& hands() const { return hands_; }
  const ReloadRecord& reloads() const { return reloads_; }
  const AdminProcess* admin() const { return admin_.get(); }
  bool is_lame() const { return is_lame_; }  // about to stop
  bool is_watchdog_withheld() const { return is_watchdog_withheld_; }
  const EventRing& history() const { return history_; }
  // Whether a predecessor has started it.
  bool is_adopted(fleet::WorkerId id) const { return id < first_own_worker_; }
  const std::string& config_file() const { return config_.file; }
  Instant started_at() const { return started_at_; }
  double started_time() const { return started_time_; }

 private:
  Supervisor(sd_event* loop, Setup setup, WorkerSetup workers, std::string runtime_directory);

  StartResult<void> start(Inheritance inheritance, Generation first,
                          std::vector<std::string> faults);
  Result<void> watch_signals();
  Result<void> run_admin(std::vector<AdminSocket> sockets);
  Result<std::vector<AdminSocket>> admin_sockets(const config::Admin& admin) const;
  Result<UniqueFd> admin_socket(const std::string& text) const;

  void post(fleet::Event event);
  void process_events();
  void carry_out(const fleet::Action& action);
  void note(const fleet::Action& action) const;
  void on_conclude(const fleet::Conclude& end);
  void on_started_up();
  void on_start_failed(const std::string& reason);
  void stop_admin();
  void finish();
  void after_events();
  void answer_all();

  SavedState load_state() const;
  void save_state();
  void save_if_changed();
  void take_over(Inheritance inheritance, SavedState state, const fleet::Spec& spec);
  void on_look(const Monitor::Progress& progress);

  void on_stop_signal();
  void hand_over();
  void begin_stop();
  void scale_by(int step);

  std::optional<Refused> begin_scale(const std::string& pool, uint32_t workers, uint32_t* before);
  std::optional<Refused> begin_reload(Done done);
  std::optional<Refused> begin_restart(fleet::Restart request, std::string what, Done done);

  Result<void> prepare(const Generation& generation, const fleet::Spec& spec);
  static Result<void> check_capacity(const config::Config& config, const fleet::Spec& spec);
  std::set<uint32_t> planned_generations() const;
  void adopt_generation(uint32_t number, std::vector<AdminSocket> admin_sockets);
  void record_reload(bool ok, double seconds, const std::vector<std::string>& reasons);
  std::string status_text() const;
  std::optional<Instant> awaited_until() const;

  struct Ticket {
    std::string what;  // of a restart
    Instant since;
    std::optional<uint32_t> generation;      // of a reload
    std::vector<AdminSocket> admin_sockets;  // of a reload, taken into use when it succeeds
    Done done;
  };

  sd_event* loop_;
  ConfigSource config_;
  std::string runtime_directory_;
  std::vector<std::string> environment_;
  Instant started_at_;
  double started_time_ = 0;

  fleet::Fleet fleet_;
  Hands hands_;
  ServiceManager manager_;
  std::unique_ptr<AdminProcess> admin_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<SystemBus> system_bus_;
  StateFile state_file_;
  std::optional<Monitor> monitor_;
  std::unique_ptr<StopQuery> stop_query_;
  Watch lame_duck_;
  Instant lame_until_;
  std::deque<fleet::Event> events_;
  bool is_processing_ = false;
  Watch timer_;
  std::vector<Watch> signals_;
  std::map<uint64_t, Ticket> tickets_;
  uint64_t next_ticket_ = 1;
  uint32_t next_generation_ = 1;
  ReloadRecord reloads_;
  EventRing history_;
  fleet::WorkerId first_own_worker_ = 1;
  uint64_t save_failures_ = 0;
  Totals before_us_;
  Totals saved_totals_;
  std::string start_failure_;  // "" = none
  bool has_finished_ = false;
  bool is_lame_ = false;
  bool has_handed_over_ = false;
  bool has_unsaved_ = false;
  std::vector<fleet::Drain> drains_;            // not told yet: first it is saved
  std::vector<std::function<void()>> answers_;  // to those who asked for what has ended
  bool has_save_failed_ = false;
  bool is_watchdog_withheld_ = false;
};

}  // namespace sockherd::supervisor
