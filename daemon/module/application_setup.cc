// What a module says of itself in its set-up: routes, filters, handlers of errors.
#include <stdexcept>
#include <utility>

#include "daemon/module/application.h"
#include "daemon/module/open_socket.h"

namespace sockherd::module {

void Application::only_in_setup() const {
  if (is_set_up_) throw std::logic_error("routes are added in the body of SOCKHERD_APP only");
}

void Application::route(app::Method method, std::string_view pattern, app::Handler handler,
                        app::RouteOptions options) {
  only_in_setup();
  if (!handler) throw std::invalid_argument("a route without a handler");
  const Pattern parsed = parse_pattern(pattern);
  Endpoint& endpoint = *table_.add(pattern).value();
  auto& route = endpoint.routes[static_cast<size_t>(method)];
  if (route != nullptr) {
    throw std::invalid_argument("the route " + std::string(pattern) + " is there already, as " +
                                route->pattern);
  }
  route = std::make_shared<Route>(
      Route{std::move(handler), options, std::string(pattern), parsed.names()});
}

Pattern Application::parse_pattern(std::string_view text) {
  Result<Pattern> pattern = Pattern::parse(text);
  if (!pattern.ok()) throw std::invalid_argument(pattern.error().what);
  return std::move(pattern).value();
}

void Application::websocket(std::string_view pattern, app::WebSocketHandlers handlers) {
  only_in_setup();
  const Pattern parsed = parse_pattern(pattern);
  Endpoint& endpoint = *table_.add(pattern).value();
  if (endpoint.web_socket != nullptr) {
    throw std::invalid_argument("the WebSocket " + std::string(pattern) + " is there already");
  }
  endpoint.web_socket = std::make_shared<SocketRoute>(*this, std::move(handlers), parsed);
}

void Application::add_filter(std::deque<Filter>& filters, std::string_view pattern,
                             app::Handler handler) {
  only_in_setup();
  if (!handler) throw std::invalid_argument("a filter without a handler");
  Pattern parsed = parse_pattern(pattern);
  const bool fits_all =
      parsed.segments.size() == 1 && parsed.segments[0].kind == Segment::Kind::Rest;
  filters.push_back({std::move(parsed), std::move(handler), fits_all});
  has_filters_ = true;
}

void Application::before(std::string_view pattern, app::Handler filter) {
  add_filter(before_, pattern, std::move(filter));
}

void Application::after(std::string_view pattern, app::Handler filter) {
  add_filter(after_, pattern, std::move(filter));
}

void Application::error(int status, app::Handler handler) {
  only_in_setup();
  if (status < 400 || status > 599) {
    throw std::invalid_argument(std::to_string(status) + " is the status of no error");
  }
  errors_[status] = std::move(handler);
}

}  // namespace sockherd::module
