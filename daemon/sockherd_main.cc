// sockherd: the supervisor. Wires, decides nothing. See sockherd(8).
#include <getopt.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "daemon/base/log.h"
#include "daemon/base/parse.h"
#include "daemon/base/version.h"
#include "daemon/supervisor/development.h"
#include "daemon/supervisor/supervisor.h"
#include "daemon/sys/activation.h"

extern char** environ;

namespace {

using namespace std::string_view_literals;
using sockherd::supervisor::ExitStatus;

constexpr char kHelp[] =
    "Usage: sockherd [OPTION...]\n"
    "\n"
    "Puts a service on every core and never loses a connection.\n"
    "\n"
    "  -c, --config FILE    configuration (default: $SOCKHERD_CONFIG, else\n"
    "                       /etc/sockherd/sockherd.toml)\n"
    "  -s, --set KEY=VALUE  set an option over file and environment, for example\n"
    "                       pool.web.workers=4; may be given several times\n"
    "  -t, --check          check the configuration and exit\n"
    "      --dev MODULE     serve one application module, and reload it when its\n"
    "                       file changes; without a configuration\n"
    "      --port N         of 127.0.0.1, with --dev (default: 8080)\n"
    "  -h, --help           show this help and exit\n"
    "      --version        show the version and exit\n"
    "\n"
    "Signals: TERM and INT drain and stop (twice: at once), HUP reloads, TTIN and\n"
    "TTOU add or remove a worker of the first pool.\n"
    "Exit status: 0 stopped, 1 failure, 2 usage, 4 permission, 6 configuration.\n"
    "\n"
    "See sockherd(8), sockherd.toml(5) and sockherdctl(1).\n";

struct Arguments {
  sockherd::supervisor::ConfigSource config;
  bool check = false;
  sockherd::supervisor::Development development;  // module: "" = none
};

[[noreturn]] void usage_error(const std::string& what) {
  std::fprintf(stderr, "sockherd: %s\nTry \"sockherd --help\".\n", what.c_str());
  std::exit(static_cast<int>(ExitStatus::Usage));
}

sockherd::config::Override parse_set(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    usage_error("--set needs KEY=VALUE, for example pool.web.workers=4; got \"" + text + "\"");
  }
  return {"--set", text.substr(0, equals), text.substr(equals + 1)};
}

uint16_t parse_port(const char* text) {
  const auto port = sockherd::parse_number<uint16_t>(text);
  if (!port || *port == 0)
    usage_error(std::string("--port needs a number from 1 to 65535, not \"") + text + "\"");
  return *port;
}

Arguments parse_arguments(int argc, char** argv) {
  Arguments arguments;
  const char* set_file = std::getenv("SOCKHERD_CONFIG");
  arguments.config.file = set_file != nullptr ? set_file : "/etc/sockherd/sockherd.toml";
  arguments.config.overrides = sockherd::config::overrides_from_environment(environ);
  constexpr int kVersionOption = 256;
  constexpr int kDevOption = 257;
  constexpr int kPortOption = 258;
  constexpr option kOptions[] = {{"config", required_argument, nullptr, 'c'},
                                 {"set", required_argument, nullptr, 's'},
                                 {"check", no_argument, nullptr, 't'},
                                 {"help", no_argument, nullptr, 'h'},
                                 {"dev", required_argument, nullptr, kDevOption},
                                 {"port", required_argument, nullptr, kPortOption},
                                 {"version", no_argument, nullptr, kVersionOption},
                                 {nullptr, 0, nullptr, 0}};
  for (int c = 0; (c = ::getopt_long(argc, argv, "c:s:th", kOptions, nullptr)) != -1;) {
    switch (c) {
      case 'c':
        arguments.config.file = optarg;
        break;
      case 's':
        arguments.config.overrides.push_back(parse_set(optarg));
        break;
      case 't':
        arguments.check = true;
        break;
      case 'h':
        std::fputs(kHelp, stdout);
        std::exit(0);
      case kDevOption:
        arguments.development.module = optarg;
        break;
      case kPortOption:
        arguments.development.port = parse_port(optarg);
        break;
      case kVersionOption:
        std::printf("sockherd %s\n", sockherd::kVersion);
        std::exit(0);
      default:
        usage_error("unknown option");
    }
  }
  if (optind < argc) usage_error(std::string("unexpected argument \"") + argv[optind] + "\"");
  return arguments;
}

int check(const sockherd::supervisor::ConfigSource& config) {
  const auto loaded = sockherd::supervisor::load_generation(config, 1);
  for (const std::string& fault : loaded.faults) std::fprintf(stderr, "%s\n", fault.c_str());
  if (!loaded.generation) return static_cast<int>(ExitStatus::Configuration);
  for (const std::string& gap : sockherd::supervisor::missing_programs(*loaded.generation)) {
    std::fprintf(stderr, "warning: %s\n", gap.c_str());
  }
  std::printf("%s: ok\n", config.file.c_str());
  return 0;
}

// What is said to us by our manager is not for our children.
std::vector<std::string> child_environment() {
  constexpr std::string_view kOurs[] = {
      "LISTEN_FDS="sv,    "LISTEN_PID="sv,    "LISTEN_FDNAMES="sv, "LISTEN_PIDFDID="sv,
      "NOTIFY_SOCKET="sv, "WATCHDOG_USEC="sv, "WATCHDOG_PID="sv,   "MAINPID="sv};
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool is_ours = false;
    for (const std::string_view name : kOurs) {
      is_ours = is_ours || std::string_view(*entry).starts_with(name);
    }
    if (!is_ours) kept.emplace_back(*entry);
  }
  return kept;
}

// The loop reads signals; nobody is interrupted by them. Children get the default mask back.
void block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGTTIN, SIGTTOU, SIGCHLD}) {
    sigaddset(&set, signal);
  }
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse_arguments(argc, argv);
  if (arguments.check) return check(arguments.config);
  if (!arguments.development.module.empty()) {
    return sockherd::supervisor::run_development(arguments.development);
  }
  block_signals();
  auto passed = sockherd::sys::take_passed_fds();
  if (!passed) {
    sockherd::log::error("start-failed", {{"reason", passed.error().what}});
    return static_cast<int>(ExitStatus::Failure);
  }
  auto created = sockherd::supervisor::Supervisor::create({.config = arguments.config,
                                                           .passed = std::move(passed).value(),
                                                           .environment = child_environment()});
  if (const auto* error = std::get_if<sockherd::supervisor::StartError>(&created)) {
    std::fprintf(stderr, "sockherd: %s\n", error->what.c_str());
    return static_cast<int>(error->status);
  }
  auto supervisor = std::move(std::get<0>(created));
  const int status = supervisor->run();
  if (supervisor->has_handed_over()) {
    [[maybe_unused]] const auto* left_alone = supervisor.release();
  }
  return status;
}
