// Tunnel: what a request became that was upgraded behind the proxy (101): bytes both ways, whatever
// they say.
//
// What one side sends is read only as fast as the other takes it. The end of one direction is
// passed on, and the other goes on (half-close); the tunnel ends with both, when the client breaks,
// or when both are silent for tunnel_timeout. Where the other end breaks, the client still gets all
// that came from there, however slowly it reads; what it says itself is read and dropped, since
// unread bytes would make a reset of the end of its connection (RFC 9112 section 9.6). A drain
// leaves it alone until drain_timeout: what is spoken in it is not known, so nobody can be told in
// its own words. It counts as a request in flight.
//
// ProxyTunnel is it before the client knows; from then on Service::connections owns the Tunnel.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/worker/buffer.h"
#include "daemon/worker/peer.h"
#include "daemon/worker/service.h"
#include "daemon/worker/tunnel_end.h"
#include "daemon/worker/upstreams.h"

namespace sockherd::worker {

// The other end of the tunnel, with its place.
class TunnelUpstream {
 public:
  TunnelUpstream(Upstreams& upstreams, UpstreamTarget& target,
                 std::unique_ptr<UpstreamConnection> connection)
      : upstreams_(upstreams), target_(target), connection_(std::move(connection)) {}
  TunnelUpstream(const TunnelUpstream&) = delete;
  TunnelUpstream& operator=(const TunnelUpstream&) = delete;
  ~TunnelUpstream();

  Upstreams& upstreams() { return upstreams_; }
  UpstreamConnection& connection() { return *connection_; }

 private:
  Upstreams& upstreams_;
  UpstreamTarget& target_;
  std::unique_ptr<UpstreamConnection> connection_;
};

class ProxyTunnel final : public TunnelEnd, private UpstreamUser {
 public:
  // early: what has come behind the 101.
  ProxyTunnel(Upstreams& upstreams, UpstreamTarget& target,
              std::unique_ptr<UpstreamConnection> connection, std::string_view early);

  void begin(Service& service, io::Socket client, Buffer& rest) override;

 private:
  // Nothing is read until the client has its 101; what comes is told once more then.
  void on_upstream_connected(UpstreamConnection& /*connection*/) override {}
  void on_upstream_refused(UpstreamConnection& /*connection*/, int /*error*/) override {}
  void on_upstream(UpstreamConnection& /*connection*/, io::Events events) override {
    events_ |= events;
  }
  void on_upstream_due(UpstreamConnection& /*connection*/, Instant /*now*/) override {}

  std::unique_ptr<TunnelUpstream> upstream_;
  std::string early_;
  io::Events events_ = 0;
};

class Tunnel final : public Peer, private UpstreamUser {
 public:
  Tunnel(Service& service, io::Socket client, std::unique_ptr<TunnelUpstream> upstream);
  ~Tunnel() override;

  // early: from there; rest: from the client.
  void start(std::string_view early, io::Events events, Buffer& rest);

  void drain(double /*spread*/) override {}

 private:
  // One direction.
  struct Flow {
    explicit Flow(BufferPool& pool) : bytes(pool) {}
    Buffer bytes;
    std::string early;  // before them
    size_t early_sent = 0;
    bool may_read = true;      // the sender's socket may hold bytes that we have not seen
    bool peer_closed = false;  // its end is to be read behind what is there
    bool has_ended = false;    // it has been read
    bool is_shut = false;      // and passed on
    bool has_broken = false;   // the sender's socket
    bool is_lost = false;      // the receiver's: what comes is dropped

    bool is_empty() const { return bytes.is_empty() && early_sent == early.size(); }
    void note(io::Events events);
  };

  void on_ready(io::Events events) override;
  void on_due(Instant now) override;
  void on_upstream_connected(UpstreamConnection& /*connection*/) override {}
  void on_upstream_refused(UpstreamConnection& /*connection*/, int /*error*/) override {}
  void on_upstream(UpstreamConnection& connection, io::Events events) override;
  void on_upstream_due(UpstreamConnection& /*connection*/, Instant /*now*/) override {}

  io::Socket& upstream() { return upstream_->connection().socket(); }
  void take_turn();
  void move();
  void lose_up();
  void drop_input();
  bool pump(Flow& flow, io::Socket& from, io::Socket& to, stats::Count bytes);
  bool send(Flow& flow, io::Socket& to, stats::Count bytes);
  void receive(Flow& flow, io::Socket& from);

  std::unique_ptr<TunnelUpstream> upstream_;  // null: only the end of the client is awaited
  Flow up_;                                   // to upstream
  Flow down_;                                 // to the client
  Instant active_at_;
  bool is_over_ = false;
};

}  // namespace sockherd::worker
