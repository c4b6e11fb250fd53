// Problem: every error as application/problem+json (RFC 9457).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/api/message.h"
#include "daemon/bus/client.h"

namespace sockherd::api {

struct Problem {
  // One fault inside of the request's content, or one reason of a failed reload.
  struct Detail {
    std::string detail;
    std::optional<std::string> pointer;  // JSON Pointer (RFC 6901) to the faulty member
    std::optional<size_t> offset;        // byte of the content at which it stops being JSON
  };

  int status = 500;
  std::string type = "internal";  // the last part of the type's URN
  std::string title;              // the same for every problem of this type
  std::string detail;             // what is special about this one
  std::vector<Detail> errors;
  std::vector<HeaderField> fields;  // of the answer: Allow, Retry-After
};

// instance: the path of the request it is about; "" where there was no readable one.
Answer answer(const Problem& problem, std::string_view instance);

// A failed bus call: our own errors by name, a lost connection 503, a time-out 504.
Problem problem_of(const bus::CallError& error);

// What the parser or the server itself refuses a request with.
Problem problem_of_status(int status, std::string_view reason);

}  // namespace sockherd::api
