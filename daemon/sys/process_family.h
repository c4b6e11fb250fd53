// A process and those that it has started, and what they use: from /proc, without looking at all
// processes of the machine.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace sockherd::sys {

// The process first, then those that it has started, then theirs; 256 at most. One that was left to
// PID 1 by its parent is not found.
std::vector<pid_t> family_of(pid_t process);

// Bytes of memory that belong to the family and to no file: what would be free without it. Pages
// that a child still shares with its parent count for both.
uint64_t memory_of(pid_t process);

// Who it runs as (the effective user); of one that has ended and was not waited for, too. Nothing
// where that cannot be seen.
std::optional<uid_t> user_of(pid_t process);

// Nanoseconds that the threads of the family have run on a CPU: who accepts a connection, runs.
// Nothing where not all of it can be seen: /proc/PID/task/TID/schedstat is not there in every
// kernel, and ProtectProc= hides other users' processes.
std::optional<uint64_t> run_time_of(pid_t process);

}  // namespace sockherd::sys
