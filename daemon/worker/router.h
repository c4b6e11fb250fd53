// Router: which handler answers a path. The longest prefix wins, on whole segments: "/static"
// stands for itself and all below it, not for "/static-old".
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/worker/extras.h"
#include "daemon/worker/handler.h"

namespace sockherd::worker {

class Router {
 public:
  struct Route {
    std::string prefix;  // without the last slash, so "" is the root
    std::unique_ptr<Handler> handler;
    std::unique_ptr<Extras> extras;  // null: nothing is added to its answers
  };

  // A later handler for the same prefix replaces the earlier one.
  void add(std::string_view prefix, std::unique_ptr<Handler> handler,
           std::unique_ptr<Extras> extras = nullptr);

  // What is added to answers of no route; null: nothing.
  void set_extras(std::unique_ptr<Extras> extras) { extras_ = std::move(extras); }
  const Extras* extras() const { return extras_.get(); }

  // Handler::start() and drain() of all.
  Result<void> start(Service& service);
  void drain();

  // Null if no route covers `path` (which is decoded and free of dot segments).
  const Route* find(std::string_view path) const;

 private:
  std::vector<Route> routes_;  // longest first
  std::unique_ptr<Extras> extras_;
};

}  // namespace sockherd::worker
