// Request: what the client wants. Its views live as long as the request: until the handler has
// returned, or, where the response is kept, until that has been sent.
#pragma once

#include <sockherd/error.h>

#include <any>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#if !defined(SOCKHERD_APP_WITHOUT_JSON)
#include <nlohmann/json.hpp>
#endif

namespace sockherd::app {

enum class Method : uint8_t { Get, Head, Post, Put, Delete, Patch, Options };

struct Header {
  std::string_view name;  // as sent
  std::string_view value;
};

struct Pair {
  std::string_view name;
  std::string_view value;
};

// A file of a form (multipart/form-data).
class Upload {
 public:
  virtual std::string_view name() const = 0;          // of the field
  virtual std::string_view filename() const = 0;      // what the client calls it: no path to trust
  virtual std::string_view content_type() const = 0;  // what the client says
  virtual uint64_t size() const = 0;
  virtual std::string_view content() const = 0;  // all of it; long ones are mapped from the disk
  // Writes a new file. Throws std::system_error; never overwrites.
  virtual void save(const std::string& path) const = 0;

 protected:
  ~Upload() = default;
};

class Request {
 public:
  virtual Method method() const = 0;
  virtual std::string_view path() const = 0;    // decoded, below the prefix; begins with "/"
  virtual std::string_view prefix() const = 0;  // of the route in the configuration; "" for "/"
  virtual std::string_view target() const = 0;  // as sent
  virtual std::string_view route() const = 0;   // the pattern that fits, "/users/:id"

  // Of the pattern; empty where it has none of that name.
  virtual std::string_view param(std::string_view name) const = 0;

  // Of the query, decoded; the first of that name, or all.
  virtual std::optional<std::string_view> query(std::string_view name) const = 0;
  virtual std::span<const Pair> queries() const = 0;
  virtual std::string_view query_string() const = 0;  // as sent

  virtual std::optional<std::string_view> header(std::string_view name) const = 0;  // the first
  virtual std::span<const Header> headers() const = 0;
  virtual std::optional<std::string_view> cookie(std::string_view name) const = 0;

  // All of it, except of multipart/form-data, whose parts are below.
  virtual std::string_view body() const = 0;
  // A field of a form, of either type. HttpError 400 where it is badly formed, 415 where it is
  // none.
  virtual std::optional<std::string_view> form(std::string_view name) const = 0;
  virtual std::span<const Pair> forms() const = 0;
  virtual std::span<const Upload* const> files() const = 0;

  // The address that the connection comes from, "192.0.2.1"; "" for Unix sockets.
  virtual std::string_view client() const = 0;

  // What filters leave for handlers, by name.
  virtual std::any& local(std::string_view name) = 0;

#if !defined(SOCKHERD_APP_WITHOUT_JSON)
  // HttpError 400 where the body is no JSON, or nested deeper than 256.
  nlohmann::json json() const {
    constexpr int kMostDeep = 256;
    bool too_deep = false;
    const nlohmann::json::parser_callback_t look =
        [&too_deep](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
          too_deep |= depth > kMostDeep;
          return !too_deep;
        };
    const std::string_view text = body();
    auto parsed = nlohmann::json::parse(text.begin(), text.end(), look, false);
    if (too_deep || parsed.is_discarded()) throw HttpError(400, "the body is not JSON");
    return parsed;
  }
#endif

  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

 protected:
  Request() = default;
  ~Request() = default;
};

}  // namespace sockherd::app
