#include "daemon/worker/service.h"

#include <chrono>
#include <utility>

#include "daemon/worker/connection.h"
#include "daemon/worker/conversation.h"

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

Service::Service(Loop& on, const Router& routes, stats::Counters& counts, const Limits& bounds)
    : loop(on),
      router(routes),
      counters(counts),
      limits(bounds),
      buffers(bounds.block_bytes()),
      conversations(sizeof(Conversation)),
      path(bounds.head.max_target_bytes),
      next_second_(on.now()) {}

std::string_view Service::date() {
  if (loop.now() >= next_second_) {
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    const auto second = std::chrono::floor<std::chrono::seconds>(wall);
    unix_seconds_ = second.count();
    next_second_ = loop.now() + (second + std::chrono::seconds(1) - wall);
  }
  return dates_.at(unix_seconds_);
}

}  // namespace sockherd::worker
