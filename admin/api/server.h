// Server: the listening sockets and connections of the admin port, on an sd-event loop.
//
// Keeps the limits that no connection can keep for itself: how many there are, and who goes when
// there are too many (the longest idle one, else the newcomer with 503). An answer finds its
// connection by number, so one that comes after the client has gone finds nobody home.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "admin/api/connection.h"
#include "admin/api/limits.h"
#include "admin/api/message.h"
#include "admin/api/watch.h"
#include "daemon/base/now_and_then.h"
#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"

namespace sockherd::api {

// What the server asks of the API (api.h).
struct ServerHooks {
  std::function<std::optional<Answer>(const Request&)> screen;
  std::function<void(const Request&, Respond)> handle;
};

class Server {
 public:
  // listeners: bound, listening, non-blocking.
  static Result<std::unique_ptr<Server>> create(sd_event* loop, std::vector<UniqueFd> listeners,
                                                const Limits& limits, ServerHooks hooks);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Takes no further connection or request and calls `done` once the last one is closed, maybe
  // before it returns. The listening sockets are only let go: the supervisor holds them too.
  void drain(std::function<void()> done);

  size_t connections() const { return connections_.size(); }
  uint64_t connections_refused() const { return connections_refused_; }
  // Answers by the first digit of their status.
  const std::array<uint64_t, 6>& responses() const { return responses_; }

 private:
  struct Listener {
    UniqueFd fd;
    Watch watch;
  };

  Server(sd_event* loop, const Limits& limits, ServerHooks hooks);

  static int on_connection(sd_event_source*, int fd, uint32_t, void* self);
  static int on_retry(sd_event_source*, uint64_t, void* self);

  void accept_all(int listener);
  void pause_accepting(int error);
  void note_failed_accept(const std::string& reason);
  void add(UniqueFd socket, Peer peer);
  bool make_room();
  void on_closed(uint64_t id);
  ConnectionHooks connection_hooks();

  sd_event* loop_;
  Limits limits_;
  ServerHooks hooks_;
  ConnectionHooks connection_hooks_;
  std::vector<Listener> listeners_;
  Watch retry_;
  std::map<uint64_t, std::unique_ptr<Connection>> connections_;  // by number, the oldest first
  uint64_t next_id_ = 1;
  uint64_t connections_refused_ = 0;
  NowAndThen failed_accepts_;
  std::array<uint64_t, 6> responses_{};
  std::function<void()> drained_;
};

}  // namespace sockherd::api
