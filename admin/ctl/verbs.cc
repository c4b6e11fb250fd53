#include "admin/ctl/verbs.h"

#include "admin/ctl/actions.h"
#include "admin/ctl/exit_code.h"

namespace sockherd::ctl {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kQuick = std::chrono::seconds(5);
constexpr milliseconds kPatient = std::chrono::minutes(10);  // workers start and drain meanwhile

constexpr milliseconds kAnswer = std::chrono::seconds(10);  // for one answer

constexpr Argument kOptionalPool[] = {{"POOL", "only the workers of this pool", false}};
constexpr Argument kScale[] = {{"POOL", "the pool"}, {"N", "how many workers it shall have"}};
constexpr Argument kRestart[] = {{"POOL", "the pool"},
                                 {"SLOT", "only the worker of this slot", false}};
constexpr Argument kCheckedFile[] = {{"FILE",
                                      "the file, or - for standard input; default "
                                      "/etc/sockherd/sockherd.toml, or NAME.toml of --instance",
                                      false}};
constexpr Argument kNewApp[] = {{"DIR", "the folder to write them to, made where it is not there"}};
constexpr Argument kNewFile[] = {{"FILE", "where to write; default standard output", false}};

constexpr Flag kReload[] = {
    {"--wait", "wait until every worker is replaced, or the reload has failed (default)"},
    {"--no-wait", "only start the reload"},
};
constexpr Flag kEvents[] = {
    {"--since", "from this number on; default the last ones", "N"},
    {"--limit", "at most so many at a time, to 1000; default 20", "M"},
    {"--follow", "go on and show what happens, across restarts of the daemon too"},
};
constexpr Flag kInit[] = {{"--force", "overwrite an existing file"}};
constexpr Flag kShow[] = {{"--origin", "say where each value comes from"}};

constexpr Argument kHttpUrl[] = {{"URL", "http://HOST[:PORT][/PATH] or unix:/SOCKET[:/PATH]"}};
constexpr Argument kWebSocketUrl[] = {{"URL", "ws://HOST[:PORT][/PATH] or unix:/SOCKET[:/PATH]"}};
constexpr Flag kBenchHttp[] = {
    {"--connections", "so many at a time; default 50", "N"},
    {"--processes", "divided among these; default what descriptors and CPUs ask for", "N"},
    {"--ramp", "open them evenly over this time; default as fast as they are taken", "TIME"},
    {"--connect-rate", "or so many a second", "N"},
    {"--duration", "from when all are open; default 10s", "TIME"},
    {"--rate",
     "requests a second over all connections, by a schedule; default each after the last one's "
     "answer",
     "N"},
    {"--count", "requests in all, at most", "N"},
    {"--pipeline", "unanswered ones on a connection; default 1", "N"},
    {"--source", "IPv4 addresses to come from; default chosen on loopback", "FIRST-LAST"},
    {"--header", "a further field of the request; may be repeated", "FIELD", true},
    {"--hold", "only hold the connections, and say nothing"},
    {"--method", "default GET, or POST with a body", "NAME"},
    {"--body", "what to send; @FILE for the content of a file", "TEXT"},
    {"--close", "a connection for each request"},
    {"--fail-on", "what makes it a failure, as p99>5ms,errors>0; default errors>1%", "BOUNDS"},
    {"--save", "write the report as JSON", "FILE"},
    {"--svg", "draw it", "FILE"},
};
constexpr Flag kBenchWebSocket[] = {
    {"--connections", "so many at a time; default 50", "N"},
    {"--processes", "divided among these; default what descriptors and CPUs ask for", "N"},
    {"--ramp", "open them evenly over this time; default as fast as they are taken", "TIME"},
    {"--connect-rate", "or so many a second", "N"},
    {"--duration", "from when all are open; default 10s", "TIME"},
    {"--rate",
     "messages a second over all connections, by a schedule; default each after the last one's "
     "answer",
     "N"},
    {"--count", "messages in all, at most", "N"},
    {"--pipeline", "unanswered ones on a connection; default 1", "N"},
    {"--source", "IPv4 addresses to come from; default chosen on loopback", "FIRST-LAST"},
    {"--header", "a further field of the request; may be repeated", "FIELD", true},
    {"--hold", "only hold the connections, and say nothing"},
    {"--size", "of a message; default 64", "BYTES"},
    {"--text", "text messages; default binary"},
    {"--deflate", "compress, with permessage-deflate"},
    {"--subprotocol", "to offer", "NAME"},
    {"--echo-at-end", "one message of each connection when all else is done"},
    {"--receive", "some send, all receive, as in a room"},
    {"--senders", "so many of the connections send; default 1", "N"},
    {"--fail-on", "what makes it a failure, as p99>5ms,errors>0; default errors>1%", "BOUNDS"},
    {"--save", "write the report as JSON", "FILE"},
    {"--svg", "draw it", "FILE"},
};

constexpr Flag kDoctor[] = {
    {"--connections", "so many at a time; default 10000", "N"},
    {"--workers", "divided among so many processes; default one for each CPU", "N"},
    {"--outgoing", "they go out, as those of a proxy: each needs a port"},
};

constexpr Flag kUnit[] = {
    {"--address", "443 for all addresses, HOST:PORT, or unix:/PATH", "ADDRESS"},
    {"--listener", "its name in the configuration; default web", "NAME"},
    {"--slots",
     "so many equal sockets, for as many workers times threads without CAP_CHOWN; default 1", "N"},
    {"--drop-in", "only what changes in the unit that comes with sockherd"},
};

constexpr Verb kVerbs[] = {
    {"status", "Show the daemon and its pools.", {}, {}, kQuick, false, show_status},
    {"workers", "Show every worker.", kOptionalPool, {}, kQuick, false, show_workers},
    {"listeners",
     "Show every listening socket with its queue.",
     {},
     {},
     kQuick,
     false,
     show_listeners},
    {"events", "Show what has happened.", {}, kEvents, kQuick, false, show_events},
    {"scale",
     "Change the number of workers of a pool at run time.",
     kScale,
     {},
     kQuick,
     false,
     scale},
    {"reload",
     "Read the configuration anew and replace all workers; nothing changes if that fails.",
     {},
     kReload,
     kPatient,
     false,
     reload},
    {"restart",
     "Replace the workers of a pool one by one.",
     kRestart,
     {},
     kPatient,
     false,
     restart},
    {"check",
     "Check a configuration file and tell every fault in it.",
     kCheckedFile,
     {},
     kQuick,
     false,
     check_config},
    {"config init", "Write a configuration file with every option documented in place.", kNewFile,
     kInit, kQuick, false, init_config},
    {"config show", "Show every option of a configuration file with the value it has.",
     kCheckedFile, kShow, kQuick, false, show_config},
    {"doctor",
     "Show what this machine allows, and what is in the way of many connections.",
     {},
     kDoctor,
     kQuick,
     false,
     examine},
    {"bench http", "Make HTTP load and measure latency, without coordinated omission.", kHttpUrl,
     kBenchHttp, kAnswer, false, bench_http},
    {"bench ws", "Make WebSocket load: echoes, rooms, or connections that are held.", kWebSocketUrl,
     kBenchWebSocket, kAnswer, false, bench_web_socket},
    {"new app",
     "Write the files of an application module in C++, with a test; overwrites nothing.",
     kNewApp,
     {},
     kQuick,
     false,
     new_app},
    {"unit",
     "Print a socket unit of systemd for a listener, or a drop-in for the one that is there.",
     {},
     kUnit,
     kQuick,
     false,
     print_unit},
    {"version",
     "Show the versions of sockherdctl and of the daemon.",
     {},
     {},
     kQuick,
     false,
     show_version},
    {"options", "List the options of the configuration.", {}, {}, kQuick, true, list_options},
    {"verbs", "List the verbs.", {}, {}, kQuick, true, list_verbs},
};

constexpr GlobalOption kGlobalOptions[] = {
    {"--socket",
     "control socket; default $SOCKHERD_CONTROL, $RUNTIME_DIRECTORY/control or "
     "/run/sockherd/control",
     "PATH"},
    {"--instance", "speak with the instance of sockherd@NAME.service, or write for it", "NAME"},
    {"--timeout",
     "give up after this long, such as 30s or 2m; default 5s, 10m where "
     "workers are replaced, 10s for an answer to load",
     "TIME"},
    {"--json", "write JSON"},
    {"--no-color", "no colours; also without a terminal, with NO_COLOR or TERM=dumb"},
    {"-h, --help", "show this help, or that of a verb"},
    {"-V, --version", "show the version of sockherdctl"},
};

// "  name        help", the help wrapped in its own column.
std::string entry(std::string_view name, std::string_view help, size_t column) {
  std::string text = wrapped(help, column);
  if (name.size() + 4 > column) return "  " + std::string(name) + "\n" + text;
  text.replace(2, name.size(), name);
  return text;
}

// "--socket PATH"
std::string synopsis(std::string_view name, std::string_view value) {
  return std::string(name) + (value.empty() ? "" : " ") + std::string(value);
}

std::string exit_codes() {
  std::string text = "\nExit codes:\n";
  for (const ExitInfo& exit : kExits)
    text += entry(std::to_string(static_cast<int>(exit.code)), exit.help, 8);
  return text;
}

constexpr std::string_view kExamples =
    "Examples:\n"
    "  sockherdctl status\n"
    "  sockherdctl scale web 6\n"
    "  sockherdctl check /etc/sockherd/sockherd.toml && sockherdctl reload\n"
    "  sockherdctl workers --json\n"
    "  sockherdctl events --follow\n";

}  // namespace

std::span<const Verb> verbs() {
  return kVerbs;
}

std::span<const GlobalOption> global_options() {
  return kGlobalOptions;
}

const Verb* find_verb(std::string_view name) {
  for (const Verb& verb : kVerbs)
    if (verb.name == name) return &verb;
  return nullptr;
}

std::vector<std::string_view> visible_verb_names() {
  std::vector<std::string_view> names;
  for (const Verb& verb : kVerbs)
    if (!verb.is_hidden) names.push_back(verb.name);
  return names;
}

std::string synopsis(const Verb& verb) {
  std::string text(verb.name);
  for (const Argument& argument : verb.arguments)
    text += argument.is_required ? " " + std::string(argument.name)
                                 : " [" + std::string(argument.name) + "]";
  return text;
}

std::string help() {
  std::string text =
      "Usage: sockherdctl [OPTION]... VERB [ARGUMENT]...\n\nWatch and steer sockherd.\n\n";
  text += kExamples;
  text += "\nVerbs:\n";
  for (const Verb& verb : kVerbs)
    if (!verb.is_hidden) text += entry(synopsis(verb), verb.help, 24);
  text += "\nOptions:\n";
  for (const GlobalOption& option : kGlobalOptions)
    text += entry(synopsis(option.name, option.value), option.help, 24);
  return text + exit_codes() + "\nThe manual: sockherdctl(1), sockherd.toml(5)\n";
}

std::string help(const Verb& verb) {
  std::string text =
      "Usage: sockherdctl " + synopsis(verb) + " [OPTION]...\n\n" + wrapped(verb.help, 0);
  if (!verb.arguments.empty()) text += "\nArguments:\n";
  for (const Argument& argument : verb.arguments) text += entry(argument.name, argument.help, 20);
  text += "\nOptions:\n";
  for (const Flag& flag : verb.flags) text += entry(synopsis(flag.name, flag.value), flag.help, 20);
  for (const GlobalOption& option : kGlobalOptions)
    text += entry(synopsis(option.name, option.value), option.help, 20);
  return text + exit_codes();
}

}  // namespace sockherd::ctl
