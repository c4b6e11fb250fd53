// The rows of the routes of a pool.
#include "daemon/config/option_rows.h"

namespace sockherd::config {
namespace {

constexpr Option kRows[] = {
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
};

}  // namespace

std::span<const Option> route_rows() {
  return kRows;
}

}  // namespace sockherd::config
