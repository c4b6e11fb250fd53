// Files: serves the files of one directory: GET and HEAD, conditional requests, codings and
// ranges.
//
// Not served: what Directory does not open, what Site hides, and listings. A directory is its index
// file; without its last slash it redirects, so that relative links work. What goes wrong with a
// file is a status, never a path of ours.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "daemon/worker/file_cache.h"
#include "daemon/worker/gzip.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/site.h"

namespace sockherd::worker {

class Files final : public Handler {
 public:
  // prefix: the path of its route. cache, gzip: shared with the other routes of this loop; without
  // gzip nothing is compressed. fallback: the file for what is not there, "/index.html"; "": 404.
  Files(std::string_view prefix, Site site, std::shared_ptr<FileCache> cache,
        std::shared_ptr<Gzip> gzip = nullptr, std::string fallback = "");

  std::unique_ptr<Job> handle(const Request& request, Exchange& exchange) override;

 private:
  void serve_path(const Request& request, Exchange& exchange);

  size_t prefix_bytes_;  // without the last slash
  Site site_;
  std::shared_ptr<FileCache> cache_;
  std::shared_ptr<Gzip> gzip_;
  std::string fallback_;
};

}  // namespace sockherd::worker
