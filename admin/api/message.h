// A request that is complete and valid, and the answer to it, as plain data.
//
// Everything is owned: an answer may come long after the bytes of its request have left the
// connection's buffer.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/http/request.h"

namespace sockherd::api {

// Who is at the other end. TCP peers come under the Host rule: a browser can be made to talk to a
// TCP port, but not to a Unix socket.
struct Peer {
  enum class Kind : uint8_t { Unix, Tcp };
  Kind kind = Kind::Unix;
  std::string name;  // for the audit log: "127.0.0.1:4711", "uid=1000 pid=42"
};

struct HeaderField {
  std::string name;
  std::string value;
};

struct Request {
  http::Method method = http::Method::Get;
  http::TargetForm form = http::TargetForm::Origin;
  std::string path;  // normalised: endpoints.h
  std::string query;
  std::string host;
  bool upgrade = false;
  std::vector<HeaderField> fields;
  std::string body;
  Peer peer;

  // The values of all fields of that name (ASCII case-insensitive).
  std::vector<std::string_view> values(std::string_view name) const;
};

// Copies what the parser found; the body comes later.
Request make_request(const http::RequestHead& head, const Peer& peer);

// The value of a query parameter ("wait" in "?wait=0&verbose"): "" where it has none, a view with
// null data where it is missing. Nothing we know of needs decoding.
std::string_view query_value(std::string_view query, std::string_view key);

struct Answer {
  int status = 200;
  std::string content_type;  // "" where there is no content
  std::string body;
  std::vector<HeaderField> fields;  // beside those that every answer has
};

// Takes the answer to one request; called exactly once, from the loop.
using Respond = std::function<void(Answer)>;

bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace sockherd::api
