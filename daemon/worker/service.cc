#include "daemon/worker/service.h"

#include <chrono>
#include <utility>

#include "daemon/worker/peer.h"

namespace sockherd::worker {

PeerSet::PeerSet() = default;
PeerSet::~PeerSet() = default;

void PeerSet::add(std::unique_ptr<Peer> peer) {
  peer->set_place(peers_.size());
  peers_.push_back(std::move(peer));
}

void PeerSet::remove(Peer& peer) {
  const size_t place = peer.place();
  const std::unique_ptr<Peer> removed = std::move(peers_[place]);
  if (place + 1 != peers_.size()) {
    peers_[place] = std::move(peers_.back());
    peers_[place]->set_place(place);
  }
  peers_.pop_back();
}

// Between the steps of this set, so that those of several workers do not step together.
void PeerSet::drain_all() {
  const auto count = static_cast<double>(peers_.size());
  const double phase = std::uniform_real_distribution<>()(random_);
  double place = 0;
  for_each([&place, phase, count](Peer& peer) {
    peer.drain((place + phase) / count);
    place += 1;
  });
}

Service::Service(io::Loop& on, const Router& routes, stats::Counters& counts, const Limits& bounds)
    : loop(on),
      router(routes),
      counters(counts),
      limits(bounds),
      buffers(bounds.block_bytes()),
      web_sockets(on, buffers),
      heads(bounds.head),
      path(bounds.head.max_target_bytes),
      next_second_(on.now()) {}

void Service::read_wall_clock() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto second = std::chrono::floor<std::chrono::seconds>(wall);
  unix_seconds_ = second.count();
  next_second_ = loop.now() + (second + std::chrono::seconds(1) - wall);
}

}  // namespace sockherd::worker
