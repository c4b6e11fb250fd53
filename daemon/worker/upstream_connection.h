// UpstreamConnection: one connection of a proxy to who stands behind it: coming up, in use, idle.
//
// In use it belongs to its user, who reads and writes through socket(). Idle it belongs to the
// place that it leads to (upstream_target.h), and whatever is heard of it then ends it: nobody has
// asked for anything. One deadline at a time, moved by storing a new time (see Connection).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "daemon/base/instant.h"
#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/io/loop.h"
#include "daemon/io/socket.h"
#include "daemon/io/timer_wheel.h"

namespace sockherd::worker {

class UpstreamConnection;

// Whoever has it. Each call may end the connection.
class UpstreamUser {
 public:
  virtual void on_upstream_connected(UpstreamConnection& connection) = 0;
  // It did not come up.
  virtual void on_upstream_refused(UpstreamConnection& connection, int error) = 0;
  virtual void on_upstream(UpstreamConnection& connection, io::Events events) = 0;
  virtual void on_upstream_due(UpstreamConnection& connection, Instant now) = 0;

 protected:
  ~UpstreamUser() = default;
};

class UpstreamConnection final : private io::Watcher, private io::Timer {
 public:
  // address: the bytes of a sockaddr. Where it is up when this returns, is_up() says so and nobody
  // is called. Errors: the errno of socket(2) or connect(2).
  static Result<std::unique_ptr<UpstreamConnection>> open(io::Loop& loop, std::string_view address,
                                                          uint32_t tenant, UpstreamUser& user);
  // For tests: what has been connected already.
  static std::unique_ptr<UpstreamConnection> adopt(io::Loop& loop, UniqueFd fd, uint32_t tenant,
                                                   UpstreamUser& user);
  ~UpstreamConnection();

  bool is_up() const { return socket_.has_value(); }
  io::Socket& socket() { return *socket_; }
  uint32_t tenant() const { return tenant_; }  // of the place, when it was made

  void give_to(UpstreamUser& user) { user_ = &user; }
  void set_deadline(Instant at);

  // Where it is among the idle ones of its place.
  size_t place() const { return place_; }
  void set_place(size_t place) { place_ = static_cast<uint32_t>(place); }

 private:
  UpstreamConnection(io::Loop& loop, uint32_t tenant, UpstreamUser& user);
  void on_ready(io::Events events) override;
  void on_due(Instant now) override;
  void on_connected();
  int begin(std::string_view address);
  int come_up();

  io::Loop& loop_;
  UpstreamUser* user_;
  uint32_t tenant_;
  uint32_t place_ = 0;
  Instant deadline_{Duration::max()};
  UniqueFd connecting_;
  io::Watch connecting_watch_;
  std::optional<io::Socket> socket_;
};

}  // namespace sockherd::worker
