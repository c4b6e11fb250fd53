// The command line of sockherd-admin. The supervisor is the one that writes it.
#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "daemon/config/load.h"

namespace sockherd::api {

struct CommandLine {
  std::vector<config::Override> overrides;
};

// What is to be printed instead of serving, and the exit status: help, version, tables, usage
// errors.
struct PrintAndExit {
  std::string text;
  int status;
};

std::variant<CommandLine, PrintAndExit> read_command_line(std::span<char* const> arguments);

}  // namespace sockherd::api
