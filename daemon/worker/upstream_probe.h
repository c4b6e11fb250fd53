// UpstreamProbe: asks one who has been left out whether he is well: he accepts a connection, or
// answers a GET with 2xx or 3xx.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "daemon/contract/upstream_file.h"
#include "daemon/worker/upstream_connection.h"

namespace sockherd::worker {

class UpstreamProbe final : private UpstreamUser {
 public:
  // path: "" = a connection is enough. on_well: called once, from the loop, where he is.
  UpstreamProbe(io::Loop& loop, const contract::UpstreamFile::Tenant& tenant,
                const std::string& path, Duration longest, std::function<void()> on_well);

  bool is_over() const { return connection_ == nullptr; }

 private:
  void on_upstream_connected(UpstreamConnection& connection) override;
  void on_upstream_refused(UpstreamConnection& connection, int error) override;
  void on_upstream(UpstreamConnection& connection, io::Events events) override;
  void on_upstream_due(UpstreamConnection& connection, Instant now) override;
  void ask();
  void take_answer();
  void end(bool is_well);

  std::string request_;
  std::string answer_;
  size_t interim_ = 0;  // 1xx before it
  size_t sent_ = 0;
  std::function<void()> on_well_;
  std::unique_ptr<UpstreamConnection> connection_;
};

}  // namespace sockherd::worker
