// The load itself: many clients on one epoll loop, each a small state machine.
//
// A client parks until it may begin, connects, writes, reads, and then either parks again (short,
// slow) or thinks and writes its next request (keep-alive). Every wait of a client has a timer, so
// nothing can hang; a timer or event of an earlier state finds the generation changed.
#pragma once

#include <sys/epoll.h>

#include <deque>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "daemon/base/instant.h"
#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "tests/support/hammer/options.h"
#include "tests/support/hammer/response.h"
#include "tests/support/hammer/tally.h"

namespace sockherd::hammer {

enum class Phase : uint8_t { Parked, Connecting, Pausing, Writing, Reading };

struct Client {
  Mode mode = Mode::Short;
  Phase phase = Phase::Parked;
  uint32_t timer = 0;  // generation of the timer that counts; others are stale
  UniqueFd fd;
  ResponseReader response;
  size_t written = 0;            // bytes of the request
  size_t write_until = 0;        // where this piece of the request ends
  uint32_t answers = 0;          // on this connection
  Instant begun;                 // when this connect or request began
  std::optional<Instant> ended;  // by the server, while idle; the client has not learnt it yet
  Duration connect_time{0};      // counted into the latency of the first answer
};

class Engine {
 public:
  static Result<Engine> create(Options options);

  // Runs until the options or the signals say so; returns the report.
  std::string run();

 private:
  struct Timer {
    Instant at;
    uint32_t client;
    uint32_t generation;
    friend bool operator>(const Timer& a, const Timer& b) { return a.at > b.at; }
  };

  Engine(Options options, UniqueFd epoll, UniqueFd signals);
  void add_clients(Mode mode, uint32_t count);

  void start_parked();
  bool may_start() const;
  int next_wait_ms() const;
  void on_epoll(const epoll_event& event);
  void on_timers();
  void on_signal();

  void connect(Client& client);
  Result<UniqueFd> open_socket();
  void advance(Client& client);
  void on_connect_event(Client& client);
  void on_connected(Client& client);
  void on_pause_event(Client& client);
  void begin_request(Client& client);
  void write_some(Client& client);
  void on_piece_written(Client& client);
  void read_some(Client& client);
  void on_end(Client& client, int error);
  void on_answer(Client& client);
  bool is_right(const ResponseReader& response) const;
  void continue_or_park(Client& client);
  void fail(Client& client, Outcome outcome, std::string where);
  void park(Client& client);

  void set_timer(Client& client, Duration wait);
  const std::string& request_of(const Client& client) const;
  uint32_t index_of(const Client& client) const;
  Duration pause_up_to(Duration least, Duration most);
  double seconds_since_start() const;

  Options options_;
  UniqueFd epoll_;
  UniqueFd signals_;
  std::string short_request_;
  std::string keepalive_request_;
  std::mt19937_64 random_;
  std::vector<Client> clients_;  // never grows while running: events hold indexes into it
  std::deque<uint32_t> parked_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  Tally tally_;
  Instant started_;
  Instant now_;
  uint64_t connections_ = 0;
  uint64_t requests_ = 0;  // begun, including those of a failed connect
  uint32_t next_source_ = 0;
  bool stopping_ = false;
  bool aborted_ = false;
};

}  // namespace sockherd::hammer
