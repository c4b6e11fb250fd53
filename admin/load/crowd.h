// Crowd: the connections of one process of a load, and the loop that moves them.
//
// Does what the board orders, phase by phase, and says when each is done. When something is due is
// a matter of the schedule alone: a connection that is free sends what is due, with the time at
// which it was, and what no connection was free for waits, and gets later.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "admin/load/board.h"
#include "admin/load/connection.h"
#include "admin/load/schedule.h"

namespace sockherd::load {

class Crowd final : private Owner {
 public:
  // Number `process` of plan.processes.
  static Result<std::unique_ptr<Crowd>> create(const Plan& plan, const Board& board,
                                               uint32_t process);
  ~Crowd();

  // Until the board says Close, and that is done.
  void run();

 private:
  // What wakes the loop: all that is to be done is done after each of its turns.
  class Alarm final : public io::Watcher {
   public:
    void on_ready(io::Events events) override;
    UniqueFd own;  // a timer
    int fd = -1;
    io::Watch watch;
  };

  Crowd(const Plan& plan, const Board& board, uint32_t process, std::unique_ptr<io::Loop> loop);
  Result<void> prepare();

  void on_opened(Connection& connection) override;
  void on_answered(Connection& connection, Instant due) override;
  void on_ended(Connection& connection) override;
  void on_failed(Connection& connection, const Loss& loss) override;

  void follow_orders();
  void begin(Phase phase);
  void act();
  Instant wake_up_at() const;

  // Open
  void open_more();
  void reopen_some();
  bool may_open_more() const { return opening_ < most_opening_; }
  void open(Connection& connection);

  // Run
  bool is_running() const;
  bool is_sender(const Connection& connection) const;
  bool is_closed_loop() const;
  void begin_run();
  void send_next(Connection& connection);
  void send_due();
  void wait_for_due(Instant due);
  void queue(Connection& connection);
  void end_run();

  uint32_t place_of(const Connection& connection) const {
    return (connection.number() - process_) / plan_.processes;
  }
  void count_open(int change);
  void echo_some();
  void close_all();
  void sweep();
  void say(State state);

  const Plan& plan_;
  const Board& board_;
  uint32_t process_;
  Tally& tally_;
  std::unique_ptr<io::Loop> loop_;
  Setting setting_;
  Alarm bell_;
  Alarm timer_;

  Phase phase_ = Phase::Open;
  bool has_said_ = false;  // that this phase is done
  std::vector<std::unique_ptr<Connection>> connections_;
  Schedule opens_;
  size_t next_open_ = 0;
  size_t opening_ = 0;
  size_t most_opening_ = 1;
  size_t owed_ = 0;  // by all
  size_t closing_ = 0;
  uint64_t open_ = 0;
  std::deque<uint32_t> lost_;     // to be opened again, by place
  std::vector<uint32_t> failed_;  // the same, with the next sweep

  Schedule schedule_;
  Instant run_at_;
  Instant run_until_;
  uint64_t senders_here_ = 0;
  uint64_t next_ = 0;        // of the schedule; what was sent
  uint64_t limit_ = 0;       // of next_
  bool was_free_ = false;    // a connection was, when nothing more was due
  bool is_counted_ = false;  // end_run() has been
  uint64_t cpu_before_us_ = 0;
  std::deque<uint32_t> free_;  // connections that may send, by place
  size_t next_echo_ = 0;
  size_t echoing_ = 0;
  Instant swept_at_;
};

}  // namespace sockherd::load
