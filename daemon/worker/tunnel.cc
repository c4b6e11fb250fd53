#include "daemon/worker/tunnel.h"

#include <utility>

namespace sockherd::worker {
namespace {

using stats::Count;

// Reads of a full buffer before others have their turn.
constexpr unsigned kReadsPerTurn = 16;

// For the client, to read what was sent last and to end its side.
constexpr Duration kLinger = std::chrono::seconds(30);

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
  if (!is_over_) move();
  if (is_over_) service_.connections.remove(*this);
}

void Tunnel::move() {
  if (upstream_ != nullptr) {
    if (!up_.is_lost && !pump(up_, socket_, upstream(), Count::TunnelBytesUp)) lose_up();
    if (!pump(down_, upstream(), socket_, Count::TunnelBytesDown)) is_over_ = true;
    // What is being sent fails by itself; only then it may be dropped.
    if (down_.has_broken && up_.is_empty()) lose_up();
  }
  if (up_.is_lost) drop_input();
  if (up_.has_broken || (up_.has_ended && up_.is_shut && down_.is_shut)) is_over_ = true;
  if (is_over_ || !up_.is_lost || !down_.is_shut || upstream_ == nullptr) return;
  upstream_.reset();
  service_.loop.timers().arm(*this, service_.loop.now() + kLinger);
}

// Nobody takes what the client says. What was said before the connection broke is still to be read,
// and no event may tell of it.
void Tunnel::lose_up() {
  up_.is_lost = up_.is_shut = true;
  up_.bytes.clear();
  down_.may_read = down_.peer_closed = true;
}

void Tunnel::drop_input() {
  for (unsigned reads = 0; up_.may_read && !up_.has_ended; ++reads) {
    if (reads == kReadsPerTurn) {
      socket_.call_again(io::event::kReadable);
      break;
    }
    receive(up_, socket_);
  }
  up_.bytes.clear();
}

// False: nobody takes it any more.
bool Tunnel::pump(Flow& flow, io::Socket& from, io::Socket& to, Count bytes) {
  for (unsigned reads = 0;; ++reads) {
    if (!send(flow, to, bytes)) return false;
    if (!flow.is_empty() || flow.has_ended || !flow.may_read) break;
    if (reads == kReadsPerTurn) {
      from.call_again(io::event::kReadable);
      break;
    }
    receive(flow, from);
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

void Tunnel::receive(Flow& flow, io::Socket& from) {
  flow.bytes.restart();
  const std::span<char> room = flow.bytes.room();
  const io::Outcome got = from.receive(room);
  // See Connection::read_into().
  flow.may_read = got.bytes == room.size() || (got.bytes > 0 && flow.peer_closed);
  flow.bytes.commit(got.bytes);
  if (got.bytes > 0 && !flow.is_lost) active_at_ = service_.loop.now();
  flow.has_broken = got.state == io::State::Failed;
  flow.has_ended = flow.has_broken || got.state == io::State::Ended;
}

void Tunnel::on_due(Instant now) {
  if (upstream_ == nullptr) return service_.connections.remove(*this);
  const Duration patience = upstream_->upstreams().settings().tunnel_timeout;
  if (now < active_at_ + patience) {
    return service_.loop.timers().arm(*this, active_at_ + patience);
  }
  service_.counters.add(Count::TunnelTimeouts);
  service_.connections.remove(*this);
}

}  // namespace sockherd::worker
