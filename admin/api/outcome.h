// Outcome: what a handler decides, as data: an answer, or what to ask the supervisor first and how
// to make an answer of its reply.
//
// So a handler is a function of a request that never waits and needs no bus to be tested. Who asks
// and waits is api.h.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <variant>

#include "admin/api/message.h"
#include "admin/metrics/snapshot.h"
#include "daemon/bus/client.h"

namespace sockherd::api {

// One method of the control interface.
struct Call {
  const char* method = "";
  bus::Client::Arguments arguments;
  std::chrono::milliseconds timeout{};
  std::function<Answer(const bus::Reply&)> render;
  // Set: the client gets this at once, and what `render` makes of the reply goes to the audit log
  // only.
  std::optional<Answer> answer_at_once = std::nullopt;
};

// All that a scrape needs: metrics/snapshot.h.
struct Gather {
  std::function<Answer(const metrics::Snapshot&)> render;
};

using Outcome = std::variant<Answer, Call, Gather>;

}  // namespace sockherd::api
