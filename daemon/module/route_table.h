// RouteTable: which route of an application answers a path and a method.
//
// Patterns without parameters are found by a hash of the path; the others by a tree of their
// segments, in which a plain segment wins over a parameter, and that over the rest. A pattern that
// fits and lacks the method does not end the search: "/users/me" for GET and "/users/:id" for
// DELETE are friends.
#pragma once

#include <sockherd/app.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/module/pattern.h"

namespace sockherd::module {

inline constexpr size_t kMethods = 7;  // of app::Method

struct Route {
  app::Handler handler;
  app::RouteOptions options;
  std::string pattern;
  std::vector<std::string> names;  // of its parameters
};

class SocketRoute;  // open_socket.h

// All routes of one pattern.
struct Endpoint {
  std::array<std::shared_ptr<Route>, kMethods> routes;
  std::shared_ptr<SocketRoute> web_socket;

  const std::shared_ptr<Route>& route(app::Method method) const {
    return routes[static_cast<size_t>(method)];
  }
};

class RouteTable {
 public:
  RouteTable();
  ~RouteTable();

  // The endpoint of that pattern, made where there was none. Errors: those of Pattern::parse().
  Result<Endpoint*> add(std::string_view text);

  struct Found {
    const Endpoint* endpoint = nullptr;  // one that has what is wanted; null: none
    uint32_t methods = 0;   // without one: a bit for each that endpoints of this path have
    bool has_path = false;  // some endpoint fits the path
  };

  // `values` is filled where the endpoint has parameters.
  Found find(std::string_view path, app::Method method, Values& values) const {
    const Endpoint* exact = find_exact(path);
    if (exact != nullptr && exact->route(method) != nullptr) [[likely]] {
      return {exact, 0, true};
    }
    return search(path, exact, method, values);
  }
  // One that takes a WebSocket.
  const Endpoint* find_web_socket(std::string_view path, Values& values) const;

 private:
  struct Node;
  struct Slot {
    uint64_t hash = 0;
    const std::string* path = nullptr;  // null: empty
    Endpoint* endpoint = nullptr;
  };
  template <typename Accept>
  static bool walk(const Node& node, std::string_view path, Values& values, const Accept& accept);

  static uint64_t hash_of(std::string_view path);
  const Endpoint* find_exact(std::string_view path) const;
  Found search(std::string_view path, const Endpoint* exact, app::Method method,
               Values& values) const;
  Endpoint* add_exact(std::string_view path);
  void rehash();

  struct Exact {
    std::string path;
    Endpoint endpoint;
  };
  std::vector<std::unique_ptr<Exact>> exact_;
  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  std::unique_ptr<Node> root_;
};

// "GET, HEAD, OPTIONS" of the bits of Found::methods.
std::string allow_of(uint32_t methods);

}  // namespace sockherd::module
