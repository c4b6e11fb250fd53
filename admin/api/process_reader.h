// ProcessReader: the process_* values of a process, from /proc/PID (proc(5)).
//
// stat and limits of another user's process can be read, its fd directory cannot; under
// ProtectProc=invisible nothing can. What cannot be read stays empty.
#pragma once

#include <sys/types.h>

#include <string>

#include "admin/metrics/snapshot.h"

namespace sockherd::api {

class ProcessReader {
 public:
  ProcessReader();

  // name: the value of the label. pid: of /proc.
  metrics::ProcessFacts read(std::string name, pid_t pid) const;

 private:
  // Unix time of the boot, from the two clocks, because /proc/stat is hidden by ProcSubset=pid.
  // Taken once: start times must not jitter from scrape to scrape.
  double boot_time_seconds_;
};

}  // namespace sockherd::api
