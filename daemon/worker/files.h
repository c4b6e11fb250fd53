// Files: serves the files of one directory: GET and HEAD, conditional requests and one range.
//
// Not served: what Directory does not open, names that begin with a dot (but "/.well-known/",
// RFC 8615), and listings. A directory is its index file; without its last slash it redirects, so
// that relative links work. What goes wrong with a file is a status, never a path of ours.
#pragma once

#include <string>
#include <string_view>

#include "daemon/worker/directory.h"
#include "daemon/worker/handler.h"

namespace sockherd::worker {

class Files final : public Handler {
 public:
  // prefix: the path of its route. index: the file that stands for a directory.
  Files(std::string_view prefix, Directory directory, std::string index);

  std::unique_ptr<Job> handle(const Request& request, Exchange& exchange) override;

 private:
  void serve_path(const Request& request, Exchange& exchange) const;

  size_t prefix_bytes_;  // without the last slash
  Directory directory_;
  std::string index_;
};

}  // namespace sockherd::worker
