// ProxyPlace: a place behind the proxy for one request, and the connection to it.
//
//   seek() ──somebody is free──► connecting ──it is up──► on_connected()
//      │                ▲            └─refused──► somebody else, or the queue, or on_no_place()
//      └─nobody is──► queue ──too long──► on_no_place()
//
// Who refuses has not seen the request, so another one is asked; where there is nobody else, a
// program that is just starting anew may be back in a moment (connect_timeout).
//
// Whatever it calls may end it: that is the last thing that is done.
#pragma once

#include <cstdint>
#include <memory>

#include "daemon/worker/proxy_failure.h"
#include "daemon/worker/upstreams.h"

namespace sockherd::worker {

class ProxyPlaceUser {
 public:
  // There is a connection(), with no deadline.
  virtual void on_connected() = 0;
  virtual void on_no_place(ProxyFailure why) = 0;
  // Of the connection, once it is up.
  virtual void on_upstream(io::Events events) = 0;
  virtual void on_upstream_due(Instant now) = 0;

 protected:
  ~ProxyPlaceUser() = default;
};

class ProxyPlace final : private UpstreamUser, private UpstreamWaiter {
 public:
  ProxyPlace(Upstreams& upstreams, ProxyPlaceUser& user) : upstreams_(upstreams), user_(user) {}

  // For another request. may_repeat: it does no harm if it is sent twice (RFC 9110 section 9.2.2).
  void begin(bool may_repeat);
  void seek();
  // Again, after a kept connection has ended: with a new one.
  void seek_afresh();

  UpstreamConnection& connection() { return *connection_; }
  bool was_kept() const { return was_kept_; }

  void note_success() { upstreams_.note_success(*target_); }
  // Once for each place that was asked in vain.
  void note_failure();

  // The connection goes to those that are kept.
  void keep() { upstreams_.keep(*target_, std::move(connection_)); }
  // Gives back what there is. Whoever waits for it: Upstreams::serve_queue().
  void let_go();
  // The same, and waits no more. Returns whether others may go on.
  bool leave();

  // For who goes on with it: the place is his to give back.
  struct Taken {
    UpstreamTarget& target;
    std::unique_ptr<UpstreamConnection> connection;
  };
  Taken take();

 private:
  void wait();
  void start_at(UpstreamTarget& target);
  bool is_fit(UpstreamConnection& kept) const;
  void refused(int error);
  bool seek_another(UpstreamTarget& refused);

  void on_place(UpstreamTarget& target) override { start_at(target); }
  void on_queue_timeout() override { user_.on_no_place(ProxyFailure::QueueTimeout); }
  void on_upstream_connected(UpstreamConnection& connection) override;
  void on_upstream_refused(UpstreamConnection& connection, int error) override;
  void on_upstream(UpstreamConnection& connection, io::Events events) override;
  void on_upstream_due(UpstreamConnection& connection, Instant now) override;

  Upstreams& upstreams_;
  ProxyPlaceUser& user_;
  std::unique_ptr<UpstreamConnection> connection_;
  UpstreamTarget* target_ = nullptr;        // counted there
  const UpstreamTarget* failed_ = nullptr;  // the last one that could not be asked
  Instant refused_at_;                      // the first time
  uint32_t tries_ = 0;
  bool may_repeat_ = false;
  bool must_be_fresh_ = false;
  bool was_kept_ = false;  // the connection
};

}  // namespace sockherd::worker
