#include "daemon/worker/files.h"

#include <array>
#include <string>
#include <utility>

#include "daemon/worker/file_answer.h"
#include "daemon/worker/location.h"

namespace sockherd::worker {
namespace {

constexpr http::Field kAllow = {"Allow", "GET, HEAD, OPTIONS"};

void redirect_to_directory(const Request& request, Exchange& exchange) {
  std::string location = encode_path(request.path) + "/";
  if (!request.head.query.empty()) (location += '?') += request.head.query;
  const std::array fields = {http::Field{"Location", location}};
  exchange.answer({.status = 301, .fields = fields});
}

void answer_fault(OpenFault fault, Exchange& exchange) {
  switch (fault) {
    case OpenFault::None:
    case OpenFault::Failed:
      return exchange.answer_error(500, "", {});
    case OpenFault::NotFound:
      return exchange.answer_error(404, "", {});
    case OpenFault::Forbidden:
      return exchange.answer_error(403, "", {});
    case OpenFault::Exhausted: {
      constexpr std::array kFields = {http::Field{"Retry-After", "1"}};
      return exchange.answer_error(503, "", kFields);
    }
  }
}

}  // namespace

Files::Files(std::string_view prefix, Site site, std::shared_ptr<FileCache> cache,
             std::shared_ptr<Gzip> gzip, std::string fallback)
    : prefix_bytes_(prefix.ends_with('/') ? prefix.size() - 1 : prefix.size()),
      site_(std::move(site)),
      cache_(std::move(cache)),
      gzip_(std::move(gzip)),
      fallback_(std::move(fallback)) {}

std::unique_ptr<Job> Files::handle(const Request& request, Exchange& exchange) {
  constexpr std::array kFields = {kAllow};
  switch (request.head.method) {
    case http::Method::Get:
    case http::Method::Head:
      serve_path(request, exchange);
      break;
    case http::Method::Options:
      exchange.answer({.status = 204, .fields = kFields});
      break;
    default:
      exchange.answer_error(405, "", kFields);
  }
  return nullptr;
}

void Files::serve_path(const Request& request, Exchange& exchange) {
  const std::string_view relative = request.path.substr(prefix_bytes_);
  if (relative.empty()) return redirect_to_directory(request, exchange);
  SiteLookup found = cache_->look_up(site_, relative, exchange.loop().now());
  if (found.fault == OpenFault::NotFound && !found.is_hidden && !fallback_.empty()) {
    found = cache_->look_up(site_, fallback_, exchange.loop().now());
  }
  if (found.fault != OpenFault::None) return answer_fault(found.fault, exchange);
  if (found.is_directory) return redirect_to_directory(request, exchange);
  FileAnswer(request.head, exchange, *found.file, gzip_).send();
}

}  // namespace sockherd::worker
