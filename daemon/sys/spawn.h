// Starting child processes: the only place that forks.
//
// fork and exec, not posix_spawn, because LISTEN_PID must hold the child's own pid, which only the
// child knows. The parent has one thread, so between fork and exec the child may do what it likes;
// it keeps to system calls all the same, and reports a failure as {stage, errno} through a pipe
// that a successful exec closes. Nothing blocks: the pipe is watched by the loop.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/sys/account.h"
#include "daemon/sys/spawn_failure.h"

namespace sockherd::sys {

inline constexpr int kFirstPassedFd = 3;  // SD_LISTEN_FDS_START

struct PassFd {
  int fd = -1;       // borrowed
  std::string name;  // LISTEN_FDNAMES: without ":"
};

struct SpawnRequest {
  // arguments[0] is the program: a path, or looked up in the PATH of `environment`.
  std::vector<std::string> arguments;
  // "NAME=value", the whole of it; of several with one name the last counts. LISTEN_* are added,
  // and HOME, USER, LOGNAME and SHELL of an account where they are not there.
  std::vector<std::string> environment;
  std::vector<PassFd> fds;  // at 3, 4, ... in this order; no others are inherited
  Account account;          // whom to run as
  // For programs of ours: they become the account for good (no_new_privs), with no group but its
  // own, and without its variables. arguments[0] is a path then.
  bool is_confined = false;
  std::vector<std::string> gifts;  // paths that become the account's
  int group = -1;                  // cgroup.procs of the control group to enter, borrowed
  int output = -1;  // stdout and stderr, borrowed, with an empty stdin; -1 = ours, all three
  std::string working_directory;             // "" = our own; relative paths are seen from there
  SpawnOrigins origins = {};                 // for what is said of a failure
  std::optional<mode_t> umask;               // nothing = our own
  std::optional<unsigned long> nofile_soft;  // soft limit of descriptors to set
  std::optional<uint32_t> cpu;               // the only one to run on, where that is allowed
  std::optional<int> signal_at_parents_end;  // PR_SET_PDEATHSIG
  bool is_gated = false;                     // waits for Child::gate before it execs
  bool has_bind_watch = false;               // bind_watch.h
};

struct Child {
  pid_t pid = -1;
  // Readable when the exec has failed; end of file when it went well (see read_spawn_failure).
  UniqueFd failure;
  // Of a gated child: open_gate() lets it go on. If it is closed instead, or we die, the child
  // exits without having done anything.
  UniqueFd gate;
  // Of one with a bind watch: where it sends that (receive_bind_watch).
  UniqueFd bind_report;
};

// Starts the program; the caller reaps the child. Ambient capabilities are dropped, the signal mask
// and dispositions are the default ones.
// Errors: fork or pipe only; what fails in the child comes through Child::failure.
Result<Child> spawn(const SpawnRequest& request);

// Lets a gated child exec. No effect where there is no gate.
void open_gate(Child& child);

// What the failure pipe says: nothing (not yet, or never again), or the error, worded like
// "exec /usr/bin/x: No such file or directory".
std::optional<Error> read_spawn_failure(int failure_fd, const SpawnSubject& subject);
SpawnSubject subject_of(const SpawnRequest& request);

// Starts a copy of this process that does `body`, exits with what it returns, and dies with us. For
// a program of one thread that divides its own work; the caller reaps it.
Result<pid_t> fork_to(const std::function<int()>& body);

}  // namespace sockherd::sys
