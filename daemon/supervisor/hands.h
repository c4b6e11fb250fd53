// Hands: carries the fleet's actions out on the kernel, and posts what comes of them as events.
//
// Decides nothing. An action never fails towards its caller: a worker that can not be started is
// posted as WorkerExited, like one that died. hands.cc holds the workers, serving.cc says which
// sockets they serve, hands_upstreams.cc who is asked behind a proxy route.
#pragma once

#include <systemd/sd-event.h>

#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/fleet/action.h"
#include "daemon/fleet/state.h"
#include "daemon/supervisor/bind_keeper.h"
#include "daemon/supervisor/connection_relay.h"
#include "daemon/supervisor/fd_store.h"
#include "daemon/supervisor/generation.h"
#include "daemon/supervisor/inheritance.h"
#include "daemon/supervisor/listeners.h"
#include "daemon/supervisor/outputs.h"
#include "daemon/supervisor/own_address.h"
#include "daemon/supervisor/queue_relays.h"
#include "daemon/supervisor/quiet_watch.h"
#include "daemon/supervisor/readiness.h"
#include "daemon/supervisor/room_buses.h"
#include "daemon/supervisor/state_file.h"
#include "daemon/supervisor/statistics.h"
#include "daemon/supervisor/upstreams.h"
#include "daemon/supervisor/worker_groups.h"
#include "daemon/supervisor/worker_process.h"
#include "daemon/supervisor/worker_request.h"

namespace sockherd::supervisor {

class Hands {
 public:
  // A worker that runs.
  struct Running {
    std::string pool;
    uint32_t slot = 0;
    std::vector<std::string> listeners;
    bool is_builtin = false;
    int stop_signal = SIGTERM;
    int abort_signal = SIGABRT;
    std::vector<uint32_t> seats;  // one a thread; none where its counts are lost
    uint32_t threads = 1;
    SocketNumbers sockets;  // that it accepts from, by lane: those of all its threads, or more
    std::optional<OwnAddress> own;          // that it binds itself, behind a proxy route
    std::optional<Upstreams::Place> place;  // where those who proxy find that
    std::unique_ptr<BindKeeper> binds;      // of a program that binds its listeners by itself
    std::string program;                    // of a command: its first word
    bool has_missed_bind = false;           // that has been said
    uint64_t beats = 0;                     // times that it has said WATCHDOG=1
    std::unique_ptr<WorkerProcess> process;

    // The sockets that new connections are steered to: one a thread.
    SocketNumbers served() const;
  };

  // post: takes an event to the fleet; called from the loop and from carry_out, so it must queue.
  Hands(sd_event* loop, WorkerSetup setup, std::function<void(fleet::Event)> post)
      : loop_(loop),
        setup_(std::move(setup)),
        post_(std::move(post)),
        relay_(loop),
        addresses_(setup_.runtime_directory),
        relays_(loop, setup_.program) {}

  // Who is told that a worker has become what a successor must know of, without an event.
  void on_change(std::function<void()> changed) { changed_ = std::move(changed); }

  void carry_out(const fleet::Spawn& action);
  void carry_out(const fleet::Drain& action);
  void carry_out(const fleet::Abort& action);
  void carry_out(const fleet::Kill& action);
  void carry_out(const fleet::Serve& action);
  void carry_out(const fleet::AwaitQuiet& action);
  void carry_out(const fleet::Lend& action);
  void carry_out(const fleet::TakeBack& action);

  // Takes over the workers that live on. What is left in `past` afterwards are those; of the others
  // only their slots remember. A worker that `past` does not know is told to finish.
  void adopt(Inheritance& from, SavedState& state);

  // We go, and a successor reads on what workers write.
  void flush_outputs() { outputs_.flush(); }

  // A name in the fd store that is nobody's.
  void forget_stray(const std::string& name) { store_.forget(name); }

  // Closes these sockets once nobody can come to them any more and what waits there is accepted.
  void retire(std::vector<UniqueFd> sockets);

  // Tells every worker of a built-in pool, draining ones too, to open its access log anew. Returns
  // how many have been told.
  size_t reopen_logs();

  // New workers wait until this is called: the caller writes down first that they are there.
  void release_new();

  // Sockets for `count` slots of a pool, before the fleet is told to use them.
  Result<void> prepare_slots(const config::Config& config, const config::Pool& pool,
                             uint32_t count);

  // The specification with the groups of this configuration in place of the names of its
  // listeners. Requires: its slots have been prepared.
  fleet::Spec with_keys(fleet::Spec spec, const config::Config& config) const;

  // Generations, by number. `current` is the one that is in force.
  void add_generation(Generation generation);
  void set_current(uint32_t number);
  const Generation& current() const { return generations_.at(current_); }
  // Frees generations that neither `current` nor a worker needs, and that are not in `planned`: of
  // reloads under way. What those are to serve stays, too.
  void forget_unused(const std::map<fleet::WorkerId, fleet::Worker>& workers,
                     const std::set<uint32_t>& planned);

  // Looks after the balance of the listeners, and after sockets that nobody accepts from: what
  // waits there is given to a worker of its listener. Listeners that are wanted no more are closed
  // once they are empty: anybody's worker does that. To be called now and then.
  void sweep(const std::map<fleet::WorkerId, fleet::Worker>& workers);

  const WorkerProcess* process(fleet::WorkerId id) const;
  // What a worker behind a proxy was asked for so far; nothing = nobody counts that.
  std::optional<uint64_t> requests_of(const Running& worker) const;
  const std::map<fleet::WorkerId, Running>& running() const { return running_; }
  uint64_t store_failures() const { return store_.failures(); }
  Listeners& listeners() { return listeners_; }
  const Listeners& listeners() const { return listeners_; }
  const Statistics& statistics() const { return statistics_; }
  Statistics& statistics() { return statistics_; }
  const WorkerGroups& groups() const { return groups_; }
  const Upstreams& upstreams() const { return upstreams_; }
  const QueueRelays& relays() const { return relays_; }

 private:
  // Remembers the sockets: new connections still come there when the worker is gone.
  struct ServedSlot {
    fleet::WorkerId worker = 0;
    SocketNumbers sockets;
  };
  // Workers that were steered away from together, and are quiet together: the kernel is asked once
  // for all of them (0.5 ms each time on a machine with 24 GB).
  struct Leaving {
    uint64_t steer = 0;  // which one took them away
    std::vector<uint16_t> ports;
    std::vector<fleet::WorkerId> workers;
    QuietWatch watch;
  };

  struct Retiring {
    UniqueFd socket;
    sys::SocketAddress address;
    QuietWatch watch;
  };
  using Sockets = std::set<std::pair<std::string, uint32_t>>;  // listener and number

  Result<Running> start(const fleet::Spawn& action);
  Result<void> take_seats(const fleet::Spawn& action, Running& running);
  void fold_seats(const Running& running);
  std::set<std::string> adopt_memory(Inheritance& from);
  void leave_other_seats(const std::set<std::string>& pools);
  Result<void> start_process(const fleet::Spawn& action, Running& running);
  void take_output(fleet::WorkerId id, uint32_t generation, const Running& running, UniqueFd pipe);
  WorkerProcess::Callbacks callbacks_of(fleet::WorkerId id);
  std::string notify_path(fleet::WorkerId id) const;
  void remind_to_drain(fleet::WorkerId id);
  Result<Running> adopt_worker(const fleet::Survivor& survivor, const SavedState::Place& place,
                               Inheritance::Worker& from, bool has_statistics);
  void dismiss_unknown(fleet::WorkerId id, Inheritance::Worker& from);
  void remove_files(fleet::WorkerId id);
  void keep(fleet::WorkerId id, const WorkerProcess& process);
  void forget(fleet::WorkerId id);
  Duration drain_timeout_of(const std::string& pool) const;  // of its workers
  void add_running(fleet::WorkerId id, Running running);
  std::string await_ready(fleet::WorkerId id, const config::Pool& pool);
  bool is_alone(fleet::WorkerId id) const;
  void on_notification(fleet::WorkerId id, const sys::Notification& said);
  void on_stranger(fleet::WorkerId id, const sys::Notification& said);
  void on_exit(fleet::WorkerExited exited);

  // Workers with an address of their own (hands_upstreams.cc).
  Result<void> take_address(const fleet::Spawn& action, const config::Pool& pool, Running& running);
  void give_back_address(const Running& running);
  Result<void> pass_upstreams(const config::Pool& pool, sys::SpawnRequest& request);
  void serve_places(const std::string& pool);
  std::set<std::string> used_upstreams() const;
  bool adopt_upstreams(Inheritance& from);
  void adopt_address(const std::string& address, Running& running);
  void leave_other_places();

  // Programs that bind their listeners by themselves (hands_binds.cc).
  std::optional<sys::SocketAddress> address_to_bind(const config::Pool& pool,
                                                    const Running& running) const;
  void watch_binds(fleet::WorkerId id, Running& running);
  void adopt_binds(fleet::WorkerId id, UniqueFd listener, Running& running);
  BindKeeper::Callbacks bind_callbacks(fleet::WorkerId id);
  std::vector<BindKeeper::Offer> offers_to(fleet::WorkerId id) const;
  bool is_used_by_its_like(fleet::WorkerId id, const std::string& listener, uint32_t number) const;
  void on_listening(fleet::WorkerId id);
  void on_bind_refused(fleet::WorkerId id, const Error& error);
  void on_bind_missed(fleet::WorkerId id, const Error& error);

  void steer();
  std::vector<uint16_t> ports_of(const Running& worker) const;
  void watch_queues(fleet::WorkerId id, QuietWatch& watch) const;
  void on_quiet(uint64_t number);
  void tell(fleet::WorkerId to, contract::Verb verb, const std::string& listener, uint32_t number);
  void tell_of_slot(fleet::WorkerId to, contract::Verb verb, uint32_t slot);
  std::set<std::string> used_listeners(
      const std::map<fleet::WorkerId, fleet::Worker>& workers) const;
  Sockets attended_sockets(const std::map<fleet::WorkerId, fleet::Worker>& workers) const;
  void sweep_leftovers(const std::set<std::string>& used);
  void sweep_group(const std::string& name, const Listeners::Group& group, const Sockets& attended,
                   bool is_used);
  bool close_if_empty(const std::string& name, const Listeners::Group& group);
  std::optional<fleet::WorkerId> find_helper(const std::string& listener) const;
  std::optional<fleet::WorkerId> find_any_helper() const;
  std::optional<fleet::WorkerId> find_helper_if(
      const std::function<bool(const Running&)>& may_help) const;
  // Queues of commands (hands_relays.cc).
  const config::Pool* command_pool_of(const std::string& listener) const;
  bool is_served_elsewhere(const config::Pool& pool, const std::string& listener,
                           uint32_t number) const;
  void relay_queues(const config::Pool& pool, const std::string& name,
                    const Listeners::Group& group,
                    const std::map<fleet::WorkerId, fleet::Worker>& workers);
  void relay_queue(const config::Pool& pool, const std::string& listener,
                   const QueueRelays::Socket& socket, const UniqueFd& fd);

  sd_event* loop_;
  WorkerSetup setup_;
  std::function<void(fleet::Event)> post_;
  std::function<void()> changed_;
  ConnectionRelay relay_;  // before running_, whose sockets it knows
  FdStore store_;
  Listeners listeners_{store_};
  Statistics statistics_{store_};
  RoomBuses buses_{store_};
  Outputs outputs_{loop_, store_};
  WorkerGroups groups_ = WorkerGroups::of_this_process();
  Upstreams upstreams_{store_};
  OwnAddresses addresses_;
  std::map<uint32_t, Generation> generations_;
  uint32_t current_ = 0;
  std::set<uint32_t> planned_;  // generations of reloads under way
  std::map<fleet::WorkerId, Running> running_;
  std::vector<fleet::WorkerId> unreleased_;
  std::map<std::string, std::vector<ServedSlot>> served_;  // by pool
  std::set<std::string> had_servers_;                      // listeners
  uint64_t steers_ = 0;                                    // Serve actions so far
  uint64_t next_watch_ = 0;
  std::map<uint64_t, Leaving> quiet_;
  std::map<uint64_t, Retiring> retiring_;
  Readiness readiness_{loop_, listeners_,
                       [this](fleet::WorkerId id) { post_(fleet::WorkerReady{id}); }};
  QueueRelays relays_;
  std::set<std::string> alone_;  // pools whose programs can not be watched
  uint64_t strangers_ = 0;       // messages that were refused since that was said
  std::optional<Instant> stranger_said_at_;
};

}  // namespace sockherd::supervisor
