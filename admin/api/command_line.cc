#include "admin/api/command_line.h"

#include <string_view>

#include "admin/api/endpoints.h"
#include "admin/metrics/table.h"
#include "daemon/base/version.h"

namespace sockherd::api {
namespace {

constexpr int kExitUsage = 2;  // LSB, daemon(7)
constexpr std::string_view kHelp =
    "Usage: sockherd-admin [--set KEY=VALUE]...\n"
    "\n"
    "The admin HTTP server of sockherd. Started by sockherd, which passes its\n"
    "sockets: it is of no use on its own.\n"
    "\n"
    "  --set KEY=VALUE   override an option of the configuration\n"
    "  --list-endpoints  print the endpoint table and exit\n"
    "  --list-metrics    print the metric table and exit\n"
    "  -h, --help        print this and exit\n"
    "  -V, --version     print the version and exit\n";

PrintAndExit usage_error(std::string_view what) {
  return {"sockherd-admin: " + std::string(what) + "\nTry \"sockherd-admin --help\".\n",
          kExitUsage};
}

}  // namespace

std::variant<CommandLine, PrintAndExit> read_command_line(std::span<char* const> arguments) {
  CommandLine line;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (argument == "-h" || argument == "--help") return PrintAndExit{std::string(kHelp), 0};
    if (argument == "-V" || argument == "--version")
      return PrintAndExit{std::string("sockherd-admin ") + kVersion + "\n", 0};
    if (argument == "--list-endpoints") return PrintAndExit{describe_endpoints(), 0};
    if (argument == "--list-metrics") return PrintAndExit{metrics::describe_table(), 0};
    if (argument.starts_with("--set=")) {
      argument.remove_prefix(6);
    } else if (argument == "--set" && i + 1 < arguments.size()) {
      argument = arguments[++i];
    } else {
      return usage_error("unknown argument \"" + std::string(argument) + "\"");
    }
    const size_t equals = argument.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return usage_error("--set takes KEY=VALUE, not \"" + std::string(argument) + "\"");
    line.overrides.push_back({"--set", std::string(argument.substr(0, equals)),
                              std::string(argument.substr(equals + 1))});
  }
  return line;
}

}  // namespace sockherd::api
