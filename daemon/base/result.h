// Result<T>: a value, or an Error that says what went wrong and where.
//
// For everything caused from outside (kernel, config, child, disk, admin client). Expected outcomes
// such as EAGAIN have their own types; broken invariants are SH_ASSERT. Context is added on the way
// up, outermost first: "listen on [::]:80: bind: Address already in use".
#pragma once

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "daemon/base/assert.h"

namespace sockherd {

struct Error {
  int code = 0;      // errno where a system call failed, else 0
  std::string what;  // for people; one line

  // The same error with its context in front.
  [[nodiscard]] Error in(std::string_view context) && {
    return {code, std::string(context) + ": " + what};
  }
};

// An Error from errno (or `code`), worded "call: Permission denied".
inline Error errno_error(std::string_view call, int code = errno) {
  return {code, std::string(call) + ": " + std::strerror(code)};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return ok(); }

  T& value() & {
    SH_ASSERT(ok());
    return *std::get_if<T>(&state_);
  }
  const T& value() const& {
    SH_ASSERT(ok());
    return *std::get_if<T>(&state_);
  }
  T value() && {
    SH_ASSERT(ok());
    return std::move(*std::get_if<T>(&state_));
  }
  T* operator->() { return &value(); }
  T& operator*() & { return value(); }

  const Error& error() const& {
    SH_ASSERT(!ok());
    return *std::get_if<Error>(&state_);
  }
  Error error() && {
    SH_ASSERT(!ok());
    return std::move(*std::get_if<Error>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  void value() const { SH_ASSERT(ok()); }

  const Error& error() const& {
    SH_ASSERT(!ok());
    return *error_;
  }
  Error error() && {
    SH_ASSERT(!ok());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace sockherd

// TRY(expression of type Result<T>): its value, or returns its Error from this function. One a
// line; not between fork and exec, where there is nobody to return to.
#define TRY(...)                                                \
  __extension__({                                               \
    auto try_result = (__VA_ARGS__);                            \
    if (!try_result.ok()) return std::move(try_result).error(); \
    std::move(try_result).value();                              \
  })
