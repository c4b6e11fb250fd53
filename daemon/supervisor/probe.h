// Probe: one question to a worker from outside: does somebody accept there, and does he answer a
// GET with 2xx or 3xx. Never blocks, and takes nothing from the worker but a status line.
//
// To a socket that several workers accept from the request is sent in two pieces: the first line
// at once, the rest only when it is known that the right one has accepted. So no other one can have
// answered it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/unique_fd.h"
#include "daemon/supervisor/ready_watch.h"
#include "daemon/supervisor/watch.h"
#include "daemon/sys/address.h"

namespace sockherd::supervisor {

// The status of the final response that these bytes begin; nothing = more is needed, 0 = they are
// none of HTTP/1.
std::optional<int> final_status(std::string_view received);

class Probe {
 public:
  enum class Acceptor : uint8_t { Nobody, Ours, Another, Unsure };

  struct Question {
    sys::SocketAddress address;
    std::string path;  // "" = that it is accepted is enough
    // Who has accepted this connection; an ended one has something to read, or its other end has
    // gone. Null: whoever listens at the address is ours.
    std::function<Acceptor(int connection, bool is_ended)> acceptor = nullptr;
    // Makes sure that a connection from this port comes to the right socket; a no ends the probe as
    // Elsewhere. And the end of that: called once for each yes.
    std::function<bool(uint16_t port)> aim = nullptr;
    std::function<void()> aimed = nullptr;
  };

  // Calls `done` once, from the loop; the probe may be destroyed in it, or before.
  static Result<std::unique_ptr<Probe>> start(sd_event* loop, Question question,
                                              std::function<void(ProbeOutcome)> done);
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

 private:
  enum class State : uint8_t { Astray, Connecting, Accepting, Answering, Done };

  Probe(Question question, std::function<void(ProbeOutcome)> done)
      : question_(std::move(question)), done_(std::move(done)) {}
  Result<void> connect(sd_event* loop);
  bool is_connected() const;
  void on_event();
  void on_timer();
  void on_connected();
  void look_who_accepted(bool is_ended);
  void ask();
  void read_answer();
  bool send(std::string_view text) const;
  void end_aim();
  void wait(Duration time);
  void finish(ProbeOutcome outcome);

  Question question_;
  std::function<void(ProbeOutcome)> done_;
  UniqueFd socket_;
  State state_ = State::Connecting;
  bool is_aimed_ = false;
  Instant deadline_{};
  Duration pause_{};  // until the next look who has accepted
  std::string received_;
  Watch timer_;
  Watch events_;
};

}  // namespace sockherd::supervisor
