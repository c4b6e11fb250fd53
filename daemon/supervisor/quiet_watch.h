// QuietWatch: says when a listener that was steered away from can get no further connection.
//
// Steering away decides about new SYNs only. A handshake that had chosen the socket before
// completes into its queue later, so: let the steering settle (2 ms), note the handshakes under way
// on the port, and look again every 20 ms until none of *those* is left. New ones do not matter:
// they chose another socket. Zero lost in all measured runs. Where the kernel can not be asked, a
// fixed grace stands in. And what has come into the queues by then must have been accepted, since a
// program that is told to end need not look there once more.
#pragma once

#include <functional>
#include <vector>

#include "daemon/supervisor/watch.h"
#include "daemon/sys/handshakes.h"

namespace sockherd::supervisor {

class QuietWatch {
 public:
  // ports: of the listeners to wait for. Calls `quiet` once, from the loop, never from inside
  // create().
  static Result<QuietWatch> create(sd_event* loop, std::vector<uint16_t> ports,
                                   std::function<void()> quiet);

  // Wait for this queue to become empty, too. The socket is borrowed for as long as the watch
  // lives.
  void add_queue(int socket) { state_->queues.push_back(socket); }

  // Wait for this to be true, too.
  void add_condition(std::function<bool()> condition) {
    state_->conditions.push_back(std::move(condition));
  }

  // Whether the handshakes under way have been noted; before that, a slot steered away from in the
  // same round may share this watch.
  bool has_looked() const { return state_->has_looked; }

 private:
  struct State {
    std::vector<uint16_t> ports;
    std::vector<int> queues;
    std::vector<std::function<bool()>> conditions;
    std::function<void()> quiet;
    std::vector<sys::Handshakes> seen;  // by port; empty = not looked yet
    bool has_looked = false;
    Watch timer;

    void look();
    bool look_first();
    bool is_quiet() const;
  };
  // The timer's callback points to it, so it stays where it is.
  std::unique_ptr<State> state_ = std::make_unique<State>();
};

}  // namespace sockherd::supervisor
