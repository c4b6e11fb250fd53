// The rows of [pool.NAME] that say what a pool is, and how its workers start, end and crash.
#include "daemon/base/bounds.h"
#include "daemon/config/option_rows.h"

namespace sockherd::config {
namespace {

constexpr Option kRows[] = {
    // --- what it is
    {.section = Section::Pool,
     .name = "listeners",
     .type = Type::TextList,
     .fallback = "[]",
     .help = "The names of the listeners that this pool serves; a listener has one pool.",
     .sample = "[\"web\"]",
     .field = at<&Pool::listeners>},
    {.section = Section::Pool,
     .name = "workers",
     .type = Type::Workers,
     .fallback = "\"auto\"",
     .min = 1,
     .max = kMostWorkers,
     .unit = "workers",
     .help = "How many workers to keep; \"auto\" is one for each CPU that the service may use, or "
             "for each `threads` of them.",
     .field = at<&Pool::workers>},
    {.section = Section::Pool,
     .name = "max_workers",
     .type = Type::Integer,
     .fallback = "256",
     .min = 1,
     .max = kMostWorkers,
     .unit = "workers",
     .help = "The most workers that the pool can be scaled to at run time.",
     .field = at<&Pool::max_workers>},
    {.section = Section::Pool,
     .name = "threads",
     .type = Type::Workers,
     .fallback = "1",
     .min = 1,
     .max = kMostThreads,
     .unit = "threads",
     .help =
         "How many threads a worker of the built-in engine has, each with its own event loop and "
         "its own sockets; \"auto\" is one for each CPU that the service may use.",
     .field = at<&Pool::threads>},
    {.section = Section::Pool,
     .name = "pin",
     .type = Type::Choice,
     .fallback = "\"off\"",
     .choices = "off, auto",
     .help =
         "Whether each thread of the built-in engine, and each command, stays on one CPU of those "
         "that the service may use, in turn by slot and thread.",
     .field = at<&Pool::pin>},
    {.section = Section::Pool,
     .name = "command",
     .type = Type::TextList,
     .fallback = "[]",
     .help =
         "The program that each worker runs, with its arguments, in which {slot}, {port} and other "
         "marks stand for its own; without it the built-in engine serves the routes.",
     .field = at<&Pool::command>},
    {.section = Section::Pool,
     .name = "environment",
     .type = Type::Environment,
     .fallback = "[]",
     .help = "Further environment variables of the workers, each \"NAME=value\", with the marks of "
             "command.",
     .field = at<&Pool::environment>},
    {.section = Section::Pool,
     .name = "routes",
     .type = Type::Routes,
     .fallback = "[]",
     .help = "What the built-in engine answers: a list of tables, each with a path and one "
             "target.",
     .sample = "[\n  { path = \"/\", module = \"demo\" },\n]",
     .field = at<&Pool::routes>},
    {.section = Section::Pool,
     .name = "headers",
     .type = Type::Headers,
     .fallback = "{}",
     .help = "Fields that are added to every answer, errors included.",
     .field = at<&Pool::headers>},
    {.section = Section::Pool,
     .name = "error_pages",
     .type = Type::ErrorPages,
     .fallback = "{}",
     .help = "Files that are sent in place of our own words for an error: \"404\" for one status, "
             "\"4xx\" and \"5xx\" for all others; read when the workers start, up to 64KiB each.",
     .field = at<&Pool::error_pages>},

    // --- start, end, crash
    {.section = Section::Pool,
     .name = "start_timeout",
     .type = Type::Duration,
     .fallback = "\"30s\"",
     .min = 1,
     .max = kDay,
     .help = "How long a new worker may take to say that it is ready before it is ended.",
     .field = at<&Pool::start_timeout>},
    {.section = Section::Pool,
     .name = "drain_timeout",
     .type = Type::Duration,
     .fallback = "\"30s\"",
     .min = 1,
     .max = kDay,
     .help = "How long a worker that is told to leave may go on with its open connections before "
             "it is killed.",
     .field = at<&Pool::drain_timeout>},
    {.section = Section::Pool,
     .name = "restart_delay",
     .type = Type::Duration,
     .fallback = "\"100ms\"",
     .min = 1,
     .max = kHour,
     .help = "How long to wait before a worker that crashed again is started again; the first "
             "crash after a stable life costs no wait, each further one doubles it.",
     .field = at<&Pool::restart_delay>},
    {.section = Section::Pool,
     .name = "restart_delay_max",
     .type = Type::Duration,
     .fallback = "\"30s\"",
     .min = 1,
     .max = kDay,
     .help = "The longest wait before a crashed worker is started again.",
     .field = at<&Pool::restart_delay_max>},
    {.section = Section::Pool,
     .name = "stable_after",
     .type = Type::Duration,
     .fallback = "\"10s\"",
     .min = 1,
     .max = kDay,
     .help = "How long a worker must have been ready for its earlier crashes to be forgotten.",
     .field = at<&Pool::stable_after>},
    {.section = Section::Pool,
     .name = "hang_timeout",
     .type = Type::Duration,
     .fallback = "\"10s\"",
     .command_fallback = "\"30s\"",
     .min = 0,
     .max = kHour,
     .help = "How long a worker may make no progress (connections wait and none is accepted, the "
             "loop of the engine stands still, the watchdog of a command is late) before it is "
             "ended with SIGABRT and its slot is taken over; 30s by default for a command; 0s "
             "switches it off.",
     .field = at<&Pool::hang_timeout>},
};

}  // namespace

std::span<const Option> pool_rows() {
  return kRows;
}

}  // namespace sockherd::config
