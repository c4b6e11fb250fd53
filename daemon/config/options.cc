#include "daemon/config/options.h"

#include <cstdio>

#include "daemon/config/bus_url.h"
#include "daemon/config/option_rows.h"
#include "daemon/config/units.h"

namespace sockherd::config {
namespace {

constexpr SectionInfo kSections[] = {
    {Section::Daemon, "daemon", "[daemon]", "The supervisor itself."},
    {Section::Listener, "listener", "[listener.NAME]",
     "A named address, taken over from systemd by that name (FileDescriptorName=) or bound by "
     "sockherd."},
    {Section::Pool, "pool", "[pool.NAME]",
     "Interchangeable workers of one program that serve one or more listeners."},
    {Section::Route, "routes", "routes = [{ ... }]",
     "What the built-in engine answers for the paths under one prefix; the longest prefix wins."},
    {Section::Admin, "admin", "[admin]", "The admin HTTP server: metrics, dashboard and control."},
};

constexpr Option kOtherRows[] = {
    // --- [daemon] ---
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

    // --- [listener.NAME] ---
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

    // --- routes ---
    {.section = Section::Route,
     .name = "path",
     .type = Type::Text,
     .fallback = "\"\"",
     .help = "The prefix that this route answers; begins with \"/\" and matches whole segments.",
     .field = at<&Route::path>},
    {.section = Section::Route,
     .name = "files",
     .type = Type::Path,
     .fallback = "\"\"",
     .help = "Target: the directory whose files are served.",
     .field = at<&Route::files>},
    {.section = Section::Route,
     .name = "index",
     .type = Type::FileNames,
     .fallback = "[\"index.html\"]",
     .help = "The file that is served for a directory; of several, the first that is there.",
     .field = at<&Route::index>},
    {.section = Section::Route,
     .name = "precompressed",
     .type = Type::Boolean,
     .fallback = "true",
     .help =
         "Whether a.js.br or a.js.gz is sent for a.js where it is beside it, not older, and the "
         "client accepts it.",
     .field = at<&Route::precompressed>},
    {.section = Section::Route,
     .name = "gzip",
     .type = Type::Boolean,
     .fallback = "false",
     .help = "Whether text and the like is compressed for clients that accept it.",
     .field = at<&Route::gzip>},
    {.section = Section::Route,
     .name = "fallback",
     .type = Type::Text,
     .fallback = "\"\"",
     .help = "The file below the directory that is sent for what is not there, such as "
             "\"/index.html\" of a single-page application; empty stands for 404.",
     .field = at<&Route::fallback>},
    {.section = Section::Route,
     .name = "proxy",
     .type = Type::Upstreams,
     .fallback = "[]",
     .help = "Target: where requests are forwarded: \"pool:NAME\", a pool with handover = "
             "\"private-port\", or the addresses of other servers (\"127.0.0.1:9000\", "
             "\"unix:/run/app.sock\").",
     .field = at<&Route::proxy>},
    {.section = Section::Route,
     .name = "forwarded",
     .type = Type::Choice,
     .fallback = "\"replace\"",
     .choices = "replace, append, off",
     .help = "What a proxy route does with Forwarded and X-Forwarded-*: it says itself who the "
             "client is, it adds that to what the client says (behind another proxy), or it "
             "leaves them alone.",
     .field = at<&Route::forwarded>},
    {.section = Section::Route,
     .name = "upstream_host",
     .type = Type::Text,
     .fallback = "\"\"",
     .help = "The Host that a proxy route sends on; empty stands for the client's.",
     .field = at<&Route::upstream_host>},
    {.section = Section::Route,
     .name = "redirect",
     .type = Type::Text,
     .fallback = "\"\"",
     .help = "Target: where to send clients, \"https://example.org/new\" or \"/new\"; what follows "
             "the path of the route, and the query, are appended.",
     .field = at<&Route::redirect>},
    {.section = Section::Route,
     .name = "status",
     .type = Type::Integer,
     .fallback = "308",
     .min = 301,
     .max = 308,
     .help = "The status of a redirect: 301 or 308 for good, 302 or 307 for now; 307 and 308 keep "
             "method and body.",
     .field = at<&Route::status>},
    {.section = Section::Route,
     .name = "headers",
     .type = Type::Headers,
     .fallback = "{}",
     .help = "Fields that are added to every answer of the route, errors included; they replace "
             "those of the pool with the same name.",
     .field = at<&Route::headers>},
    {.section = Section::Route,
     .name = "error_pages",
     .type = Type::ErrorPages,
     .fallback = "{}",
     .help = "As error_pages of the pool, for this route.",
     .field = at<&Route::error_pages>},
    {.section = Section::Route,
     .name = "module",
     .type = Type::Text,
     .fallback = "\"\"",
     .help =
         "Target: an application module, the absolute path of a shared object; \"demo\" is built "
         "in, and shows what the engine can do.",

     .field = at<&Route::module>},
    {.section = Section::Route,
     .name = "websocket",
     .type = Type::Text,
     .fallback = "\"\"",
     .help = "Target: WebSockets (RFC 6455); \"echo\" says to each what it said itself, "
             "\"room:NAME\" says it "
             "to everybody in that room, of all workers of the pool.",
     .field = at<&Route::websocket>},
    {.section = Section::Route,
     .name = "origins",
     .type = Type::TextList,
     .fallback = "[]",
     .help = "The origins of pages that may open a WebSocket here, such as "
             "\"https://example.org\", or \"*\" for all; where there are none, the pages of the "
             "host that is asked.",
     .field = at<&Route::origins>},

    // --- [admin] ---
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

std::string format_list(const std::vector<std::string>& list) {
  std::string text = "[";
  for (const std::string& item : list) {
    if (text.size() > 1) text += ", ";
    text += quote(item);
  }
  return text + "]";
}

std::string format_table(const std::vector<NamedText>& table) {
  std::string text = "{";
  for (const NamedText& entry : table) {
    text += text.size() > 1 ? ", " : " ";
    text += quote(entry.name) + " = " + quote(entry.value);
  }
  return text + (text.size() > 1 ? " }" : "}");
}

std::string format_integer(const Option& option, int64_t number) {
  if (option.type == Type::Integer) return std::to_string(number);
  if (option.type != Type::Workers) return quote(format_number(option, number));
  return number == 0 ? "\"auto\"" : std::to_string(number);
}

}  // namespace

std::span<const Option> options() {
  static const std::vector<Option> all = [] {
    std::vector<Option> rows;
    for (const auto part : {std::span<const Option>(kOtherRows), pool_rows(), command_rows()}) {
      rows.insert(rows.end(), part.begin(), part.end());
    }
    return rows;
  }();
  return all;
}
std::span<const SectionInfo> sections() {
  return kSections;
}

const SectionInfo& info(Section section) {
  return kSections[static_cast<size_t>(section)];
}

std::vector<const Option*> options_of(Section section) {
  std::vector<const Option*> rows;
  for (const Option& option : options())
    if (option.section == section) rows.push_back(&option);
  return rows;
}

const Option* find_option(Section section, std::string_view name) {
  for (const Option& option : options())
    if (option.section == section && option.name == name) return &option;
  return nullptr;
}

std::string_view expectation(Type type) {
  switch (type) {
    case Type::Text:
    case Type::Choice:
      return "a string";
    case Type::Path:
      return "an absolute path, such as \"/srv/www\"";
    case Type::Integer:
      return "a whole number";
    case Type::Boolean:
      return "true or false";
    case Type::Duration:
      return "a duration such as \"30s\", \"500ms\" or \"2m\", or a number of seconds";
    case Type::Size:
      return "a size such as \"16KiB\" or \"1MiB\", or a number of bytes";
    case Type::Workers:
      return "\"auto\" or a whole number";
    case Type::AccessMode:
      return "an access mode such as \"0660\"";
    case Type::Address:
      return "an address such as \"[::]:8080\" or \"unix:/run/web.sock\"";
    case Type::AddressList:
      return "a list of addresses, such as [\"127.0.0.1:9753\"]";
    case Type::BusUrl:
      return "a URL such as \"redis://10.0.0.5:6379\"";
    case Type::TextList:
      return "a list of strings, such as [\"web\"]";
    case Type::FileNames:
      return "a file name such as \"index.html\", or a list of them";
    case Type::Environment:
      return "a list of strings \"NAME=value\"";
    case Type::Upstreams:
      return "\"pool:NAME\", an address such as \"127.0.0.1:9000\", or a list of addresses";
    case Type::Ready:
      return "a table such as { http = \"/healthz\" }";
    case Type::Headers:
      return "a table of fields, such as { \"Cache-Control\" = \"max-age=60\" }";
    case Type::ErrorPages:
      return "a table of files, such as { \"404\" = \"/srv/errors/404.html\" }";
    case Type::Routes:
      return "a list of tables, such as [{ path = \"/\", module = \"demo\" }]";
  }
  return "";
}

std::string_view type_name(Type type) {
  switch (type) {
    case Type::Text:
      return "string";
    case Type::Choice:
      return "choice";
    case Type::Path:
      return "path";
    case Type::Integer:
      return "integer";
    case Type::Boolean:
      return "boolean";
    case Type::Duration:
      return "duration";
    case Type::Size:
      return "size";
    case Type::Workers:
      return "\"auto\" or integer";
    case Type::AccessMode:
      return "access mode";
    case Type::Address:
      return "address";
    case Type::AddressList:
      return "list of addresses";
    case Type::BusUrl:
      return "URL";
    case Type::TextList:
    case Type::Environment:
      return "list of strings";
    case Type::FileNames:
    case Type::Upstreams:
      return "string or list of strings";
    case Type::Headers:
    case Type::ErrorPages:
    case Type::Ready:
      return "table";
    case Type::Routes:
      return "list of tables";
  }
  return "";
}

std::string format_number(const Option& option, int64_t number) {
  if (option.type == Type::Duration) return format_duration(Milliseconds(number));
  if (option.type == Type::Size) return format_size(number);
  if (option.type == Type::AccessMode) return format_access_mode(number);
  return std::to_string(number);
}

std::string format_bounds(const Option& option) {
  if (option.min == option.max) return "";
  return format_number(option, option.min) + " to " + format_number(option, option.max);
}

std::string format_value(const Option& option, const Object& object) {
  const Field field = option.field(object);
  if (const auto* text = std::get_if<std::string*>(&field)) {
    return quote(option.type == Type::BusUrl ? redacted(**text) : **text);
  }
  if (const auto* number = std::get_if<int64_t*>(&field)) return format_integer(option, **number);
  if (const auto* flag = std::get_if<bool*>(&field)) return **flag ? "true" : "false";
  if (const auto* time = std::get_if<Milliseconds*>(&field)) return quote(format_duration(**time));
  if (const auto* list = std::get_if<std::vector<std::string>*>(&field)) return format_list(**list);
  if (const auto* table = std::get_if<std::vector<NamedText>*>(&field))
    return format_table(**table);
  const auto* routes = std::get_if<std::vector<Route>*>(&field);
  return std::to_string((*routes)->size());
}

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      quoted += escaped;
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace sockherd::config
