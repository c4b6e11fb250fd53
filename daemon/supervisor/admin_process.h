// AdminProcess: keeps sockherd-admin running, an unprivileged child with the admin sockets and one
// end of a control socketpair. If it dies, traffic does not notice; it comes back after a pause
// that doubles, up to a minute. One that does not go when it is told to is killed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/growing_pause.h"
#include "daemon/config/config.h"
#include "daemon/config/load.h"
#include "daemon/supervisor/watch.h"
#include "daemon/supervisor/worker_process.h"

namespace sockherd::supervisor {

struct AdminSocket {
  std::string address;  // as configured; "" = passed by systemd
  UniqueFd fd;
};

class AdminProcess {
 public:
  struct Setup {
    std::string program;
    std::string runtime_directory;
    std::vector<std::string> environment;
    std::vector<config::Override> overrides;
    Duration first_pause = std::chrono::seconds(1);
    Duration stable_after = std::chrono::minutes(1);  // then the next pause is the first one again
    Duration stop_timeout = std::chrono::seconds(5);  // it gives itself 2 (admin/api/limits.h)
  };
  // serve_control: takes the supervisor's end of a new control socketpair.
  static Result<std::unique_ptr<AdminProcess>> create(sd_event* loop, Setup setup,
                                                      std::function<void(UniqueFd)> serve_control);
  AdminProcess(const AdminProcess&) = delete;
  AdminProcess& operator=(const AdminProcess&) = delete;

  // Sets the sockets it listens on, from now until the next call, and (re)starts it with the
  // configuration in `config_text`. Without sockets it is stopped.
  void run(std::vector<AdminSocket> sockets, const config::Admin& admin,
           std::shared_ptr<const UniqueFd> config_text);

  // Tells it to go; it is not started again. Calls `stopped` once it has gone, from inside where
  // there is none.
  void stop(std::function<void()> stopped);

  uint64_t restarts() const { return restarts_; }
  Duration pause() const { return pause_.last(); }  // the last one before a start
  const std::vector<AdminSocket>& sockets() const { return sockets_; }

 private:
  AdminProcess(sd_event* loop, Setup setup, std::function<void(UniqueFd)> serve_control)
      : loop_(loop),
        setup_(std::move(setup)),
        serve_control_(std::move(serve_control)),
        pause_(setup_.first_pause, std::chrono::minutes(1)) {}
  void start();
  void dismiss();
  void kill_leaving();
  Result<void> try_start();
  void on_exit(const fleet::WorkerExited& exited);

  sd_event* loop_;
  Setup setup_;
  std::function<void(UniqueFd)> serve_control_;
  std::vector<AdminSocket> sockets_;
  std::shared_ptr<const UniqueFd> config_text_;
  std::string user_;
  std::unique_ptr<WorkerProcess> process_;
  std::vector<std::unique_ptr<WorkerProcess>> leaving_;  // told to go
  Watch retry_;
  Watch deadline_;  // of those that leave
  std::function<void()> stopped_;
  bool is_wanted_ = false;
  GrowingPause pause_;
  Instant began_at_{};
  uint64_t restarts_ = 0;
  uint64_t number_ = 0;
};

}  // namespace sockherd::supervisor
