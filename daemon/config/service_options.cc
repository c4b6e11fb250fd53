// The rows of [daemon], [listener.NAME] and [admin].
#include "daemon/config/option_rows.h"

namespace sockherd::config {
namespace {

constexpr Option kServiceRows[] = {
    // --- [daemon]
    {.section = Section::Daemon,
     .name = "runtime_directory",
     .type = Type::Path,
     .fallback = "\"\"",
     .help = "Where the control socket and the state of this run live; empty stands for "
             "$RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR/sockherd of a user that is not root, else "
             "/run/sockherd.",
     .field = at<&Daemon::runtime_directory>},
    {.section = Section::Daemon,
     .name = "log_level",
     .type = Type::Choice,
     .fallback = "\"info\"",
     .choices = "error, warning, notice, info, debug",
     .help = "The least important lines that are still logged.",
     .field = at<&Daemon::log_level>},
    {.section = Section::Daemon,
     .name = "lame_duck",
     .type = Type::Duration,
     .fallback = "\"0s\"",
     .min = 0,
     .max = kHour,
     .help = "How long /readyz says 503 before a stop begins, so that load balancers go elsewhere "
             "first.",
     .field = at<&Daemon::lame_duck>},
    {.section = Section::Daemon,
     .name = "watchdog_share",
     .type = Type::Integer,
     .fallback = "50",
     .min = 0,
     .max = 100,
     .unit = "percent",
     .help = "The share of the wanted workers that must make progress for sockherd to tell systemd "
             "that it is alive (WatchdogSec=).",
     .field = at<&Daemon::watchdog_share>},
    {.section = Section::Daemon,
     .name = "system_bus",
     .type = Type::Boolean,
     .fallback = "true",
     .help = "Whether the service is on the system bus, as io.sockherd.Sockherd1, where systemd "
             "has started it.",
     .field = at<&Daemon::system_bus>},

    // --- [listener.NAME]
    {.section = Section::Listener,
     .name = "address",
     .type = Type::Address,
     .fallback = "\"\"",
     .help = "The address to bind where systemd passes no socket of this name: "
             "\"127.0.0.1:80\", \"[::]:8080\" or \"unix:/run/web.sock\"; empty stands for a socket "
             "from systemd only.",
     .sample = "\"[::]:8080\"",
     .field = at<&Listener::address>},
    {.section = Section::Listener,
     .name = "backlog",
     .type = Type::Integer,
     .fallback = "4096",
     .min = 1,
     .max = 65535,
     .unit = "connections",
     .help = "How many connections may wait in each socket's queue; the kernel lowers it to "
             "net.core.somaxconn.",
     .field = at<&Listener::backlog>},
    {.section = Section::Listener,
     .name = "mode",
     .type = Type::AccessMode,
     .fallback = "\"0660\"",
     .min = 0,
     .max = 0777,
     .help = "Access bits of a Unix socket that sockherd binds.",
     .field = at<&Listener::mode>},
    {.section = Section::Listener,
     .name = "balance",
     .type = Type::Choice,
     .fallback = "\"least-connections\"",
     .choices = "least-connections, hash, cpu",
     .help = "Which worker gets a new TCP connection: the one with the fewest connections (with "
             "CAP_BPF; otherwise as hash), one chosen by a hash of the addresses, or that of the "
             "CPU which received it.",
     .field = at<&Listener::balance>},
};

constexpr Option kAdminRows[] = {
    {.section = Section::Admin,
     .name = "enabled",
     .type = Type::Boolean,
     .fallback = "true",
     .help = "Whether the admin server runs at all.",
     .field = at<&Admin::enabled>},
    {.section = Section::Admin,
     .name = "address",
     .type = Type::AddressList,
     .fallback = "[\"unix:/run/sockherd/admin.sock\", \"127.0.0.1:9753\"]",
     .help = "Where the admin server listens; an empty list switches it off.",
     .field = at<&Admin::address>},
    {.section = Section::Admin,
     .name = "hosts",
     .type = Type::TextList,
     .fallback = "[]",
     .help = "Further values of the Host field that are accepted over TCP, beside the addresses "
             "above; anything else is refused, against DNS rebinding.",
     .field = at<&Admin::hosts>},
    {.section = Section::Admin,
     .name = "user",
     .type = Type::Text,
     .fallback = "\"nobody\"",
     .help = "The user that the admin server runs as when the supervisor is root.",
     .field = at<&Admin::user>},
};

}  // namespace

std::span<const Option> service_rows() {
  return kServiceRows;
}

std::span<const Option> admin_rows() {
  return kAdminRows;
}

}  // namespace sockherd::config
