// What the verbs do. Each is a row of the verb table.
#pragma once

#include "admin/ctl/request.h"
#include "daemon/base/result.h"

namespace sockherd::ctl {

// show.cc: what is
Result<void> show_status(const Request& request, Answer& answer);
Result<void> show_workers(const Request& request, Answer& answer);
Result<void> show_listeners(const Request& request, Answer& answer);
Result<void> show_events(const Request& request, Answer& answer);  // events.cc
Result<void> show_version(const Request& request, Answer& answer);

// steer.cc: what shall be
Result<void> scale(const Request& request, Answer& answer);
Result<void> reload(const Request& request, Answer& answer);
Result<void> restart(const Request& request, Answer& answer);

// config_file.cc: the configuration, without the daemon
Result<void> check_config(const Request& request, Answer& answer);
Result<void> init_config(const Request& request, Answer& answer);
Result<void> show_config(const Request& request, Answer& answer);

// bench.cc: load, without the daemon
Result<void> bench_http(const Request& request, Answer& answer);
Result<void> bench_web_socket(const Request& request, Answer& answer);
Result<void> examine(const Request& request, Answer& answer);  // doctor.cc

// new_app.cc: the files of an application module
Result<void> new_app(const Request& request, Answer& answer);

// unit.cc: a socket unit of systemd
Result<void> print_unit(const Request& request, Answer& answer);

// lists.cc: the tables themselves, for programs
Result<void> list_options(const Request& request, Answer& answer);
Result<void> list_verbs(const Request& request, Answer& answer);

}  // namespace sockherd::ctl
