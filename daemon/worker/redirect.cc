#include "daemon/worker/redirect.h"

#include <array>
#include <utility>

#include "daemon/worker/location.h"

namespace sockherd::worker {

Redirect::Redirect(std::string_view prefix, std::string target, int status)
    : prefix_bytes_(prefix.ends_with('/') ? prefix.size() - 1 : prefix.size()),
      target_(std::move(target)),
      status_(status) {}

std::unique_ptr<Job> Redirect::handle(const Request& request, Exchange& exchange) {
  const std::string_view rest = request.path.substr(prefix_bytes_);
  std::string location = target_;
  if (!rest.empty() && location.ends_with('/')) location.pop_back();
  location += encode_path(rest);
  if (!request.head.query.empty()) (location += '?') += request.head.query;
  const std::array fields = {http::Field{"Location", location}};
  exchange.answer({.status = status_, .fields = fields});
  return nullptr;
}

}  // namespace sockherd::worker
