// The exit codes of sockherdctl: one table, for --help, the manual and the tests.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "daemon/base/result.h"

namespace sockherd::ctl {

enum class Exit : int {
  Ok = 0,
  Failed = 1,
  Usage = 2,
  Unreachable = 3,
  Denied = 4,
  BadConfig = 6,
  TimedOut = 124,  // as timeout(1)
};

struct ExitInfo {
  Exit code;
  std::string_view help;
};

inline constexpr ExitInfo kExits[] = {
    {Exit::Ok, "done"},
    {Exit::Failed, "the operation failed"},
    {Exit::Usage, "wrong usage of the command line"},
    {Exit::Unreachable, "sockherd is not running or cannot be reached"},
    {Exit::Denied, "permission denied"},
    {Exit::BadConfig, "the configuration is invalid"},
    {Exit::TimedOut, "no answer within the time-out"},
};

// What a verb answers when it fails: the code to exit with, and one message for standard error.
inline Error failure(Exit code, std::string what) {
  return {static_cast<int>(code), std::move(what)};
}

}  // namespace sockherd::ctl
