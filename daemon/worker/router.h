// Router: which handler answers a path. The longest prefix wins, on whole segments: "/static"
// stands for itself and all below it, not for "/static-old".
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/worker/handler.h"

namespace sockherd::worker {

class Router {
 public:
  // A later handler for the same prefix replaces the earlier one.
  void add(std::string_view prefix, std::unique_ptr<Handler> handler);

  // Null if no route covers `path` (which is decoded and free of dot segments).
  Handler* find(std::string_view path) const;

 private:
  struct Entry {
    std::string prefix;  // without the last slash, so "" is the root
    std::unique_ptr<Handler> handler;
  };
  std::vector<Entry> entries_;  // longest first
};

}  // namespace sockherd::worker
