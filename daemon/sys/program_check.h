// What a program that is not ours needs before it can be started: the file, what it is run by, its
// directory, its user. Looked at before anybody tries, for checks of a configuration.
//
// What is found here may be other for the service (another user, a sandbox, a machine that the file
// is only written on), so these are warnings. What cannot be looked at is not spoken of.
// Asks directory services, and may take its time: not for the supervisor's loop.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/sys/account.h"
#include "daemon/sys/spawn_failure.h"

namespace sockherd::sys {

// The PATH of a service of systemd (systemd.exec(5)).
inline constexpr char kServicePath[] =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct ProgramWish {
  std::string option;   // whose it is, for messages: "pool.web"
  std::string program;  // a path, or looked for in `path`
  std::string path = kServicePath;
  std::string directory = "";  // "" = not said
  Account account = {};
  SpawnOrigins origins = {};
};

struct ProgramGap {
  std::string origin;  // "sockherd.toml:4:11"; "" = nobody knows
  std::string option;  // "pool.web.command"
  std::string what;    // with the value and a remedy

  std::string text() const { return (origin.empty() ? "" : origin + ": ") + option + ": " + what; }
};

std::vector<ProgramGap> look_for(const ProgramWish& wish);

}  // namespace sockherd::sys
