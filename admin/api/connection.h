// Connection: one client of the admin server, from accept to close.
//
// Idle → Head → Body → Working (somebody makes the answer) → Writing → Idle, or → Lingering → gone.
// One request at a time: what a client pipelines waits in the buffer, and nothing more is read
// while an answer is made. Owns its socket and its watches. Never blocks; every phase but Working
// has a deadline, and in Working only a hang-up ends it. Lingering reads on after a last answer,
// because close() with unread bytes makes the kernel send RST, which may overtake the answer.
//
// It closes itself by the hook `closed`, always as its last act: the hook destroys it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "admin/api/limits.h"
#include "admin/api/message.h"
#include "admin/api/watch.h"
#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/http/body.h"
#include "daemon/http/response.h"

namespace sockherd::api {

// What a connection asks of its server.
struct ConnectionHooks {
  std::function<std::optional<Answer>(const Request&)> screen;  // on the head alone
  std::function<void(uint64_t id, const Request&)> handle;      // answered by Connection::respond
  std::function<Answer(int status, std::string_view why)> refuse;  // what is no valid request
  std::function<void(int status)> answered;
  std::function<void(uint64_t id)> closed;
};

class Connection {
 public:
  static Result<std::unique_ptr<Connection>> create(sd_event* loop, uint64_t id, UniqueFd socket,
                                                    Peer peer, const Limits& limits,
                                                    const ConnectionHooks& hooks);

  // The answer to the request that was handed to `handle`.
  void respond(Answer answer);

  // Answers before any request and closes: the server is full.
  void turn_away(Answer answer);

  // No further request: closes now if idle, else after the answer under way.
  void drain();

  // Kept open after an answer, and nothing of a further request is there.
  bool is_idle() const { return phase_ == Phase::Idle; }
  uint64_t id() const { return id_; }

 private:
  enum class Phase : uint8_t { Idle, Head, Body, Working, Writing, Lingering, Closed };
  enum class Step : uint8_t { Again, Wait };

  Connection(sd_event* loop, uint64_t id, UniqueFd socket, Peer peer, const Limits& limits,
             const ConnectionHooks& hooks);

  static int on_io(sd_event_source*, int, uint32_t events, void* self);
  static int on_deadline(sd_event_source*, uint64_t, void* self);

  void advance();
  Step step();
  Step step_head();
  Step step_body();
  Step step_writing();
  Step step_lingering();
  Step read_more();
  Step start_request(const http::RequestHead& head);
  Step continue_to_body();
  Step hand_over();
  void expire();

  void write(Answer answer);
  void refuse(int status, std::string_view why);
  void enter(Phase phase);
  void set_deadline(std::optional<std::chrono::milliseconds> wait);
  void watch_events(uint32_t events);

  sd_event* loop_;
  uint64_t id_;
  UniqueFd socket_;
  Peer peer_;
  const Limits& limits_;
  const ConnectionHooks& hooks_;
  Watch io_;
  Watch timer_;

  Phase phase_ = Phase::Head;  // the first request must come at once
  bool advancing_ = false;
  bool draining_ = false;
  bool close_after_answer_ = false;
  std::string in_;
  size_t scanned_ = 0;
  std::string out_;
  size_t written_ = 0;
  http::Method method_ = http::Method::Unknown;  // of the request being answered
  http::ConnectionOption connection_option_ = http::ConnectionOption::Close;
  http::BodyReader body_;
  Request request_;
};

}  // namespace sockherd::api
