#include "daemon/worker/tunnel.h"

#include <utility>

namespace sockherd::worker {
namespace {

using stats::Count;

// Reads of a full buffer before others have their turn.
constexpr unsigned kReadsPerTurn = 16;

constexpr io::Events kEnd = io::event::kPeerClosed | io::event::kBroken;

}  // namespace

TunnelUpstream::~TunnelUpstream() {
  connection_.reset();
  upstreams_.release(target_);
  upstreams_.serve_queue();
}

ProxyTunnel::ProxyTunnel(Upstreams& upstreams, UpstreamTarget& target,
                         std::unique_ptr<UpstreamConnection> connection, std::string_view early)
    : upstream_(std::make_unique<TunnelUpstream>(upstreams, target, std::move(connection))),
      early_(early) {
  upstream_->connection().give_to(*this);
  upstream_->connection().set_deadline(Instant{Duration::max()});
}

void ProxyTunnel::begin(Service& service, io::Socket client, Buffer& rest) {
  auto created = std::make_unique<Tunnel>(service, std::move(client), std::move(upstream_));
  Tunnel& tunnel = *created;
  service.connections.add(std::move(created));
  tunnel.start(early_, events_, rest);
}

Tunnel::Tunnel(Service& service, io::Socket client, std::unique_ptr<TunnelUpstream> upstream)
    : Peer(service, std::move(client)),
      upstream_(std::move(upstream)),
      up_(service.buffers),
      down_(service.buffers),
      active_at_(service.loop.now()) {
  upstream_->connection().give_to(*this);
  service_.counters.add(Count::TunnelsOpened);
}

Tunnel::~Tunnel() {
  upstream_.reset();  // both sockets may be sending from the buffers
  { const io::Socket ended(std::move(socket_)); }
  service_.counters.add(Count::TunnelsClosed);
  service_.counters.add(Count::ConnectionsClosed);
}

void Tunnel::start(std::string_view early, io::Events events, Buffer& rest) {
  if (!rest.is_empty()) up_.bytes.swap(rest);
  down_.early = early;
  down_.note(events);
  if (socket_.is_watched()) {
    socket_.hand_over(*this);
  } else if (!socket_.watch(*this)) {
    is_over_ = true;
  }
  service_.loop.timers().arm(*this, active_at_ + upstream_->upstreams().settings().tunnel_timeout);
  take_turn();
}

void Tunnel::Flow::note(io::Events events) {
  if ((events & kEnd) != 0) peer_closed = true;
  if ((events & (kEnd | io::event::kReadable)) != 0) may_read = true;
}

void Tunnel::on_ready(io::Events events) {
  up_.note(events);
  take_turn();
}

void Tunnel::on_upstream(UpstreamConnection& /*connection*/, io::Events events) {
  down_.note(events);
  take_turn();
}

// May end this.
void Tunnel::take_turn() {
  const bool is_whole = !is_over_ && pump(up_, socket_, upstream(), Count::TunnelBytesUp) &&
                        pump(down_, upstream(), socket_, Count::TunnelBytesDown);
  if (!is_whole || (up_.is_shut && down_.is_shut)) service_.connections.remove(*this);
}

// False: a side is broken.
bool Tunnel::pump(Flow& flow, io::Socket& from, io::Socket& to, Count bytes) {
  for (unsigned reads = 0;; ++reads) {
    if (!send(flow, to, bytes)) return false;
    if (!flow.is_empty() || flow.has_ended || !flow.may_read) break;
    if (reads == kReadsPerTurn) {
      from.call_again(io::event::kReadable);
      break;
    }
    if (!receive(flow, from)) return false;
  }
  flow.bytes.release_if_empty();
  if (flow.has_ended && flow.is_empty() && !std::exchange(flow.is_shut, true)) to.end_sending();
  return true;
}

bool Tunnel::send(Flow& flow, io::Socket& to, Count bytes) {
  while (!flow.is_empty()) {
    const bool is_early = flow.early_sent < flow.early.size();
    const io::Outcome sent = to.send(is_early ? std::string_view(flow.early).substr(flow.early_sent)
                                              : flow.bytes.bytes());
    if (is_early) {
      flow.early_sent += sent.bytes;
    } else {
      flow.bytes.consume(sent.bytes);
    }
    service_.counters.add(bytes, sent.bytes);
    if (sent.bytes > 0) active_at_ = service_.loop.now();
    if (sent.state == io::State::Blocked) return true;
    if (sent.state != io::State::Done) return false;
  }
  if (!flow.early.empty()) {
    flow.early = std::string();
    flow.early_sent = 0;
  }
  return true;
}

bool Tunnel::receive(Flow& flow, io::Socket& from) {
  flow.bytes.restart();
  const std::span<char> room = flow.bytes.room();
  const io::Outcome got = from.receive(room);
  // See Connection::read_into().
  flow.may_read = got.bytes == room.size() || (got.bytes > 0 && flow.peer_closed);
  flow.bytes.commit(got.bytes);
  if (got.bytes > 0) active_at_ = service_.loop.now();
  flow.has_ended = got.state == io::State::Ended;
  return got.state != io::State::Failed;
}

void Tunnel::on_due(Instant now) {
  const Duration patience = upstream_->upstreams().settings().tunnel_timeout;
  if (now < active_at_ + patience) {
    return service_.loop.timers().arm(*this, active_at_ + patience);
  }
  service_.counters.add(Count::TunnelTimeouts);
  service_.connections.remove(*this);
}

}  // namespace sockherd::worker
