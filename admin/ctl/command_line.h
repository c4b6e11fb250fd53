// The command line: argv → a verb and its Request; then what main does with it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/ctl/request.h"
#include "admin/ctl/verbs.h"
#include "daemon/base/result.h"

namespace sockherd::ctl {

// What beside the arguments decides: environment, terminal, time.
struct Surroundings {
  std::string socket;  // default control socket
  bool may_colour = false;
  double unix_time = 0;
};
Surroundings surroundings();

struct CommandLine {
  const Verb* verb = nullptr;
  Request request;
  std::string text;  // help or version, printed instead of running a verb
};

// Errors: Exit::Usage, with the nearest verb or option.
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments,
                                       const Surroundings& around);

// Parses, runs, prints; answers the exit code. Throws nothing.
int run(int argc, const char* const* argv);

}  // namespace sockherd::ctl
