#include "daemon/worker/upstream_target.h"

#include <array>
#include <utility>

namespace sockherd::worker {

void UpstreamTarget::set_tenant(contract::UpstreamFile::Tenant tenant) {
  if (tenant.tenant != tenant_.tenant || tenant.state != contract::UpstreamState::Serving) {
    idle_.clear();
  }
  tenant_ = std::move(tenant);
}

std::unique_ptr<UpstreamConnection> UpstreamTarget::take_idle(UpstreamUser& user) {
  if (idle_.empty()) return nullptr;
  std::unique_ptr<UpstreamConnection> taken = std::move(idle_.back());
  idle_.pop_back();
  taken->give_to(user);
  return taken;
}

void UpstreamTarget::keep(std::unique_ptr<UpstreamConnection> connection, Instant deadline,
                          size_t most) {
  if (idle_.size() >= most || !serves() || connection->tenant() != tenant_.tenant) return;
  connection->give_to(*this);
  connection->set_deadline(deadline);
  connection->set_place(idle_.size());
  idle_.push_back(std::move(connection));
}

void UpstreamTarget::end(const UpstreamConnection& connection) {
  const size_t place = connection.place();
  const std::unique_ptr<UpstreamConnection> ended = std::move(idle_[place]);
  if (place + 1 != idle_.size()) {
    idle_[place] = std::move(idle_.back());
    idle_[place]->set_place(place);
  }
  idle_.pop_back();
}

// Its end, or bytes that nobody has asked for: whatever request came next would take them for its
// answer. An event may also be left over from its last use.
void UpstreamTarget::on_upstream(UpstreamConnection& connection, io::Events events) {
  constexpr io::Events kNews = io::event::kReadable | io::event::kPeerClosed | io::event::kBroken;
  if ((events & kNews) == 0) return;
  std::array<char, 1> byte;
  if (connection.socket().receive(byte).state != io::State::Blocked) end(connection);
}

void UpstreamTarget::on_upstream_due(UpstreamConnection& connection, Instant /*now*/) {
  end(connection);
}

}  // namespace sockherd::worker
