#include "daemon/worker/service.h"

#include <chrono>
#include <utility>

#include "daemon/worker/connection.h"

namespace sockherd::worker {

ConnectionSet::ConnectionSet() = default;
ConnectionSet::~ConnectionSet() = default;

void ConnectionSet::add(std::unique_ptr<Connection> connection) {
  connection->set_place(connections_.size());
  connections_.push_back(std::move(connection));
}

void ConnectionSet::remove(Connection& connection) {
  const size_t place = connection.place();
  const std::unique_ptr<Connection> removed = std::move(connections_[place]);
  if (place + 1 != connections_.size()) {
    connections_[place] = std::move(connections_.back());
    connections_[place]->set_place(place);
  }
  connections_.pop_back();
}

Service::Service(io::Loop& on, const Router& routes, stats::Counters& counts, const Limits& bounds)
    : loop(on),
      router(routes),
      counters(counts),
      limits(bounds),
      buffers(bounds.block_bytes()),
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
