// The rows of [pool.NAME] for the work of the built-in engine: its loop, blocking handlers, files,
// access log and rooms.
#include "daemon/config/option_rows.h"

namespace sockherd::config {
namespace {

constexpr Option kWorkRows[] = {
    {.section = Section::Pool,
     .name = "engine",
     .type = Type::Choice,
     .fallback = "\"auto\"",
     .choices = "auto, epoll, io_uring",
     .help =
         "What the loop of a built-in worker stands on: epoll, io_uring where the kernel allows "
         "it (Linux 6.1), or what was measured to be faster.",
     .field = at<&Pool::engine>},
    {.section = Section::Pool,
     .name = "spin",
     .type = Type::Integer,
     .fallback = "0",
     .min = 0,
     .max = 1000,
     .unit = "microseconds",
     .help =
         "How long the loop of a built-in worker looks for new work before it sleeps, while the "
         "waits of late were shorter than that; 0 stands for never.",
     .field = at<&Pool::spin>},
    {.section = Section::Pool,
     .name = "blocking_threads",
     .type = Type::Integer,
     .fallback = "8",
     .min = 1,
     .max = 1024,
     .unit = "threads",
     .help =
         "How many threads a built-in worker has for those handlers of application modules that "
         "may wait; they are started when they are needed.",
     .field = at<&Pool::blocking_threads>},
    {.section = Section::Pool,
     .name = "queue_depth",
     .type = Type::Integer,
     .fallback = "1024",
     .min = 1,
     .max = 1'000'000,
     .unit = "requests",
     .help = "How many requests of a worker may wait for one of its blocking_threads, or, of all "
             "together, for a place behind a proxy route; further ones are answered 503 at once.",
     .field = at<&Pool::queue_depth>},
    {.section = Section::Pool,
     .name = "queue_timeout",
     .type = Type::Duration,
     .fallback = "\"5s\"",
     .min = 1,
     .max = kHour,
     .help = "How long a request may wait for one of the blocking_threads, or for a place behind a "
             "proxy route, before it is answered 503.",
     .field = at<&Pool::queue_timeout>},
    {.section = Section::Pool,
     .name = "request_timeout",
     .type = Type::Duration,
     .fallback = "\"30s\"",
     .min = 1,
     .max = kDay,
     .help = "How long a blocking handler may take before its request is answered 504; it runs on, "
             "and its answer is dropped; behind a proxy route, how long the head of an answer "
             "may take (then 504), and a pause within one; the connection is closed.",
     .field = at<&Pool::request_timeout>},
};

constexpr Option kSiteRows[] = {
    // --- files and their log
    {.section = Section::Pool,
     .name = "file_cache",
     .type = Type::Duration,
     .fallback = "\"1s\"",
     .min = 0,
     .max = kHour,
     .help = "How long a worker answers from what it knows of a file before it looks at it again; "
             "0s has it look for each request.",
     .field = at<&Pool::file_cache>},
    {.section = Section::Pool,
     .name = "file_cache_size",
     .type = Type::Size,
     .fallback = "\"8MiB\"",
     .min = 0,
     .max = 1024 * kGiB,
     .help = "How much memory each thread of a worker may fill with the contents of short files "
             "(up to 16KiB each).",
     .field = at<&Pool::file_cache_size>},
    {.section = Section::Pool,
     .name = "access_log",
     .type = Type::Text,
     .fallback = "\"\"",
     .help = "Where built-in workers log what they answer: the path of a file, \"stdout\" or "
             "\"journal\"; empty switches it off.",
     .field = at<&Pool::access_log>},
    {.section = Section::Pool,
     .name = "access_log_format",
     .type = Type::Choice,
     .fallback = "\"combined\"",
     .choices = "combined, json",
     .help = "The lines of the access log: as other web servers write them, or one JSON object "
             "each.",
     .field = at<&Pool::access_log_format>},
    {.section = Section::Pool,
     .name = "access_log_buffer",
     .type = Type::Size,
     .fallback = "\"1MiB\"",
     .min = 64 * kKiB,
     .max = 256 * kMiB,
     .help = "What a worker may be ahead of the disk or reader of its access log; lines beyond "
             "that are dropped and counted.",
     .field = at<&Pool::access_log_buffer>},

    // --- rooms
    {.section = Section::Pool,
     .name = "bus",
     .type = Type::BusUrl,
     .fallback = "\"\"",
     .help = "The Redis that carries rooms to other machines, as "
             "\"redis://[USER:PASSWORD@]ADDRESS[:PORT][/DATABASE]\"; empty stands for none: rooms "
             "reach all workers of this machine.",
     .field = at<&Pool::bus>},
    {.section = Section::Pool,
     .name = "bus_queue",
     .type = Type::Integer,
     .fallback = "10000",
     .min = 1,
     .max = 1'000'000,
     .unit = "messages",
     .help = "What waits for Redis while it is away or slow; further messages stay on this machine "
             "and are counted.",
     .field = at<&Pool::bus_queue>},
    {.section = Section::Pool,
     .name = "bus_buffer",
     .type = Type::Size,
     .fallback = "\"1MiB\"",
     .min = 64 * kKiB,
     .max = 64 * kMiB,
     .help = "How much a worker may send to rooms before the other workers have read it; slower "
             "ones miss the oldest messages, which is counted.",
     .field = at<&Pool::bus_buffer>},
};

}  // namespace

std::span<const Option> work_rows() {
  return kWorkRows;
}

std::span<const Option> site_rows() {
  return kSiteRows;
}

}  // namespace sockherd::config
