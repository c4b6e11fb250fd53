// The rows of [pool.NAME] for replacing its workers: at a reload, at a restart, by age.
#include "daemon/base/bounds.h"
#include "daemon/config/option_rows.h"

namespace sockherd::config {
namespace {

constexpr Option kRows[] = {
    {.section = Section::Pool,
     .name = "batch",
     .type = Type::Integer,
     .fallback = "0",
     .min = 0,
     .max = kMostWorkers,
     .unit = "workers",
     .help = "How many workers a reload or restart replaces together, all or none; 0 stands for "
             "all at a reload and one at a restart.",
     .field = at<&Pool::batch>},
    {.section = Section::Pool,
     .name = "max_surge",
     .type = Type::Integer,
     .fallback = "1024",
     .min = 0,
     .max = kMostWorkers,
     .unit = "workers",
     .help = "How many workers a reload or restart may start beside the old ones.",
     .field = at<&Pool::max_surge>},
    {.section = Section::Pool,
     .name = "max_unavailable",
     .type = Type::Integer,
     .fallback = "0",
     .min = 0,
     .max = kMostWorkers,
     .unit = "workers",
     .help =
         "How many old workers a reload or restart may end before their successor starts, where "
         "max_surge leaves no room beside them; what comes to them waits or goes to others.",
     .field = at<&Pool::max_unavailable>},
    {.section = Section::Pool,
     .name = "ready_for",
     .type = Type::Duration,
     .fallback = "\"0s\"",
     .min = 0,
     .max = kHour,
     .help = "How long a new worker must have been ready before a reload or restart counts it as "
             "good and ends the old one.",
     .field = at<&Pool::ready_for>},
    {.section = Section::Pool,
     .name = "max_failures",
     .type = Type::Integer,
     .fallback = "1",
     .min = 1,
     .max = kMostWorkers,
     .unit = "workers",
     .help = "After so many failed new workers a reload stops and brings the old configuration "
             "back.",
     .field = at<&Pool::max_failures>},
    {.section = Section::Pool,
     .name = "max_generations",
     .type = Type::Integer,
     .fallback = "32",
     .min = 2,
     .max = 1000,
     .unit = "generations",
     .help = "How many generations of workers may live at a time; clients that keep more of them "
             "busy lose the oldest one.",
     .field = at<&Pool::max_generations>},
    {.section = Section::Pool,
     .name = "max_age",
     .type = Type::Duration,
     .fallback = "\"0s\"",
     .min = 0,
     .max = 365 * kDay,
     .help =
         "A worker is replaced after this long, up to a fifth earlier, one at a time; 0s stands "
         "for never.",
     .field = at<&Pool::max_age>},
    {.section = Section::Pool,
     .name = "max_requests",
     .type = Type::Integer,
     .fallback = "0",
     .min = 0,
     .max = 1'000'000'000'000,
     .unit = "requests",
     .help = "A worker of the built-in engine, or one behind a proxy route, is replaced after so "
             "many requests, up to a fifth earlier, one at a time; 0 stands for never.",
     .field = at<&Pool::max_requests>},
};

}  // namespace

std::span<const Option> rollout_rows() {
  return kRows;
}

}  // namespace sockherd::config
