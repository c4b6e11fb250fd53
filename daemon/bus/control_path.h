// Where the control socket is: one rule for who binds it and who connects to it.
#pragma once

#include <string>
#include <string_view>

namespace sockherd::bus {

inline constexpr std::string_view kUsualDirectory = "/run/sockherd";

// What decides in the environment of a process.
struct RuntimeEnvironment {
  std::string runtime_directory;  // $RUNTIME_DIRECTORY
  std::string user_directory;     // $XDG_RUNTIME_DIR
  bool is_root = false;

  static RuntimeEnvironment of_process();
};

// Of a daemon in this environment: $RUNTIME_DIRECTORY, of which systemd lists several with colons
// and the first one is ours (systemd.exec(5)); else $XDG_RUNTIME_DIR/sockherd of a user that is not
// root; else the usual one.
std::string runtime_directory(const RuntimeEnvironment& environment);

// In the runtime directory of a daemon.
std::string control_path(std::string_view directory);

// Of the instance NAME, as RuntimeDirectory= of sockherd@.service says.
std::string control_path_of_instance(std::string_view name);

// For a client in this environment: of the daemon that it would be itself; but of the machine's
// where this user has none (nothing is at that path) and $RUNTIME_DIRECTORY does not name it.
std::string control_path_for_client(const RuntimeEnvironment& environment);

}  // namespace sockherd::bus
