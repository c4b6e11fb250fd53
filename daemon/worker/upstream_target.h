// UpstreamTarget: one place of an UpstreamFile (contract/upstream_file.h) as a lane sees it: who is
// there, and the idle connections to him, last in, first out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/contract/upstream_file.h"
#include "daemon/io/loop.h"
#include "daemon/worker/upstream_connection.h"

namespace sockherd::worker {

class UpstreamTarget final : private UpstreamUser {
 public:
  explicit UpstreamTarget(uint32_t place) : place_(place) {}
  UpstreamTarget(const UpstreamTarget&) = delete;
  UpstreamTarget& operator=(const UpstreamTarget&) = delete;

  uint32_t place() const { return place_; }
  const contract::UpstreamFile::Tenant& tenant() const { return tenant_; }
  bool serves() const { return tenant_.state == contract::UpstreamState::Serving; }

  // Somebody else may be there, or in another state: connections to who is not asked any more end.
  void set_tenant(contract::UpstreamFile::Tenant tenant);

  // Null if there is none.
  std::unique_ptr<UpstreamConnection> take_idle(UpstreamUser& user);
  // Until `deadline`. Ends it instead where there are `most`, or it leads to somebody else.
  void keep(std::unique_ptr<UpstreamConnection> connection, Instant deadline, size_t most);
  size_t idle() const { return idle_.size(); }

 private:
  // Of idle connections.
  void on_upstream_connected(UpstreamConnection& /*connection*/) override {}
  void on_upstream_refused(UpstreamConnection& /*connection*/, int /*error*/) override {}
  void on_upstream(UpstreamConnection& connection, io::Events events) override;
  void on_upstream_due(UpstreamConnection& connection, Instant now) override;
  void end(const UpstreamConnection& connection);

  uint32_t place_;
  contract::UpstreamFile::Tenant tenant_;
  std::vector<std::unique_ptr<UpstreamConnection>> idle_;
};

}  // namespace sockherd::worker
