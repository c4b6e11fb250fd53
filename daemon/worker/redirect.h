// Redirect: sends clients elsewhere: what follows the prefix of the route, and the query, behind a
// target. Any method, since 307 and 308 keep it.
#pragma once

#include <string>
#include <string_view>

#include "daemon/worker/handler.h"

namespace sockherd::worker {

class Redirect final : public Handler {
 public:
  // prefix: the path of its route. target: a URL or path that the configuration has checked.
  Redirect(std::string_view prefix, std::string target, int status);

  std::unique_ptr<Job> handle(const Request& request, Exchange& exchange) override;

 private:
  size_t prefix_bytes_;  // without the last slash
  std::string target_;
  int status_;
};

}  // namespace sockherd::worker
