// Router: leads a complete, validated request to its handler, by cpp-httplib's router in memory.
//
// cpp-httplib 0.11 must not see what the network sends: it percent-decodes field values, takes
// REMOTE_ADDR from the client, accepts two framings at once and reads with a thread a connection.
// So it gets a request line made from the normalised path and nothing else, matches it against the
// patterns of the endpoint table, and its answer is thrown away: what counts is the handler's
// Outcome. No thread, no socket of it is ever used.
#pragma once

#include <memory>

#include "admin/api/message.h"
#include "admin/api/outcome.h"

namespace sockherd::api {

class Router {
 public:
  Router();
  ~Router();

  // What the handler decides. A handler that throws answers 500, a path without endpoint 404.
  Outcome route(const Request& request, bool supervisor_connected);

 private:
  class Bridge;  // keeps httplib.h, 2 s of compile time, in one file
  std::unique_ptr<Bridge> bridge_;
};

}  // namespace sockherd::api
