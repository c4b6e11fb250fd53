// AdminProcess: keeps sockherd-admin running, an unprivileged child with the admin sockets and one
// end of a control socketpair. If it dies, traffic does not notice; it comes back after a short
// wait.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/config/load.h"
#include "daemon/supervisor/watch.h"
#include "daemon/supervisor/worker_process.h"

namespace sockherd::supervisor {

class AdminProcess {
 public:
  struct Setup {
    std::string program;
    std::string runtime_directory;
    std::vector<std::string> environment;
    std::vector<config::Override> overrides;
  };
  // serve_control: takes the supervisor's end of a new control socketpair.
  AdminProcess(sd_event* loop, Setup setup, std::function<void(UniqueFd)> serve_control)
      : loop_(loop), setup_(std::move(setup)), serve_control_(std::move(serve_control)) {}

  // Sets the sockets it listens on, from now until the next call, and (re)starts it with the
  // configuration in `config_text` (borrowed). Without sockets it is stopped.
  void run(std::vector<UniqueFd> sockets, const config::Admin& admin, int config_text);

  // Tells it to go; it is not started again. Calls `stopped` once it has gone, from inside where
  // there is none.
  void stop(std::function<void()> stopped);

  uint64_t restarts() const { return restarts_; }
  const std::vector<UniqueFd>& sockets() const { return sockets_; }

 private:
  void start();
  Result<void> try_start();
  void on_exit(const fleet::WorkerExited& exited);

  sd_event* loop_;
  Setup setup_;
  std::function<void(UniqueFd)> serve_control_;
  std::vector<UniqueFd> sockets_;
  UniqueFd config_text_;
  std::string user_;
  std::unique_ptr<WorkerProcess> process_;
  std::vector<std::unique_ptr<WorkerProcess>> leaving_;
  Watch retry_;
  std::function<void()> stopped_;
  bool is_wanted_ = false;
  uint64_t restarts_ = 0;
  uint64_t number_ = 0;
};

}  // namespace sockherd::supervisor
