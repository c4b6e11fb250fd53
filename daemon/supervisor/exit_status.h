// The exit statuses of sockherd, after systemd.exec(5) and the LSB. Documented in sockherd(8),
// which a test compares with this table; RestartPreventExitStatus= in the unit lists those that a
// restart does not mend.
#pragma once

#include <string>
#include <type_traits>
#include <variant>

#include "daemon/base/result.h"

namespace sockherd::supervisor {

enum class ExitStatus : int {
  Ok = 0,
  Failure = 1,        // anything else: a port in use, workers that do not start
  Usage = 2,          // unknown flag
  NoPermission = 4,   // EPERM, EACCES
  Configuration = 6,  // the configuration, or the sockets that systemd passed, can not be used
};

struct StartError {
  ExitStatus status = ExitStatus::Failure;
  std::string what;
};

// The status that fits an error: one without an errno is about what was asked for.
inline StartError start_error(const Error& error) {
  const bool denied = error.code == EPERM || error.code == EACCES;
  if (denied) return {ExitStatus::NoPermission, error.what};
  return {error.code == 0 ? ExitStatus::Configuration : ExitStatus::Failure, error.what};
}

template <typename T>
using StartResult =
    std::variant<std::conditional_t<std::is_void_v<T>, std::monostate, T>, StartError>;

}  // namespace sockherd::supervisor
