#include "daemon/sys/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <set>
#include <string_view>

#include "daemon/sys/affinity.h"
#include "daemon/sys/bind_watch.h"

namespace sockherd::sys {
namespace {

// Everything the child needs, laid out before the fork.
struct Plan {
  std::vector<char*> arguments;
  std::vector<char*> environment;
  std::vector<int> fds;
  pid_t parent = ::getpid();
  std::string listen_pid = "LISTEN_PID=                    ";
  std::string listen_fds;
  std::string listen_names;
  std::vector<std::string> account;  // what the account adds to the environment
};

// getenv(3) finds the first of several entries with one name; ours override from the end.
std::vector<char*> last_of_each_name(const std::vector<std::string>& environment) {
  std::set<std::string_view> seen;
  std::vector<char*> kept;
  for (auto entry = environment.rbegin(); entry != environment.rend(); ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    if (name == "LISTEN_PID" || name == "LISTEN_FDS" || name == "LISTEN_FDNAMES") continue;
    if (seen.insert(name).second) kept.push_back(const_cast<char*>(entry->c_str()));
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

Plan make_plan(const SpawnRequest& request) {
  Plan plan;
  for (const std::string& a : request.arguments)
    plan.arguments.push_back(const_cast<char*>(a.c_str()));
  plan.arguments.push_back(nullptr);
  plan.environment = last_of_each_name(request.environment);
  plan.listen_fds = "LISTEN_FDS=" + std::to_string(request.fds.size());
  plan.listen_names = "LISTEN_FDNAMES=";
  for (const PassFd& pass : request.fds) {
    if (!plan.fds.empty()) plan.listen_names += ':';
    plan.listen_names += pass.name;
    plan.fds.push_back(pass.fd);
  }
  return plan;
}

void finish_environment(Plan& plan) {
  plan.environment.push_back(plan.listen_pid.data());
  plan.environment.push_back(plan.listen_fds.data());
  plan.environment.push_back(plan.listen_names.data());
  plan.environment.push_back(nullptr);
}

// --- in the child: system calls only, no allocation, no return to the caller
// ------------------------

[[noreturn]] void fail(int pipe, SpawnStage stage, int code = errno) {
  const SpawnFailure failure{stage, code};
  [[maybe_unused]] const ssize_t written = ::write(pipe, &failure, sizeof failure);
  ::_exit(127);
}

void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal)
    ::signal(signal, SIG_DFL);  // fails for KILL and STOP
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void redirect(int output, int pipe) {
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || ::dup2(null, STDIN_FILENO) < 0 || ::dup2(output, STDOUT_FILENO) < 0 ||
      ::dup2(output, STDERR_FILENO) < 0) {
    fail(pipe, SpawnStage::Output);
  }
}

// Puts the descriptors at 3, 4, ... in two steps, so that none is overwritten before it is moved.
void place_fds(std::vector<int>& fds, int& pipe) {
  const int beyond = kFirstPassedFd + static_cast<int>(fds.size());
  const int moved_pipe = ::fcntl(pipe, F_DUPFD_CLOEXEC, beyond);
  if (moved_pipe < 0) fail(pipe, SpawnStage::Descriptors);
  pipe = moved_pipe;
  for (int& fd : fds) {
    fd = ::fcntl(fd, F_DUPFD_CLOEXEC, beyond);
    if (fd < 0) fail(pipe, SpawnStage::Descriptors);
  }
  for (size_t i = 0; i < fds.size(); ++i) {
    if (::dup2(fds[i], kFirstPassedFd + static_cast<int>(i)) < 0)
      fail(pipe, SpawnStage::Descriptors);
  }
  // Ours are close-on-exec from birth; what a shell left open for us is not. Without the call
  // (before Linux 5.11) those stay open, as in any other program.
  ::close_range(static_cast<unsigned>(beyond), ~0U, CLOSE_RANGE_CLOEXEC);
}

[[noreturn]] void fail(int pipe, const AccountFault& fault) {
  constexpr SpawnStage kStages[] = {SpawnStage::FindUser, SpawnStage::FindGroup,
                                    SpawnStage::Become};
  fail(pipe, kStages[static_cast<size_t>(fault.step)], fault.code);
}

// Looking somebody up allocates: see account.h.
void confine(const Account& account, int pipe) {
  FoundAccount found;
  AccountFault fault;
  if (!find_account(account, found, fault)) fail(pipe, fault);
  if (::setgroups(1, &found.gid) != 0 || ::setresgid(found.gid, found.gid, found.gid) != 0 ||
      ::setresuid(found.uid, found.uid, found.uid) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    fail(pipe, SpawnStage::Identity);
  }
}

void set_nofile(unsigned long soft, int pipe) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) fail(pipe, SpawnStage::Limit);
  limit.rlim_cur = soft;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) fail(pipe, SpawnStage::Limit);
}

// ENOENT may mean the program, or what it is to be run by (execve(2)).
[[noreturn]] void fail_exec(const char* program, int pipe) {
  const int code = errno;
  const bool is_there = code == ENOENT && ::access(program, F_OK) == 0;
  fail(pipe, is_there ? SpawnStage::Interpreter : SpawnStage::Exec, code);
}

// As execvp(3), which would give what is no program to a shell; it is better to hear of it.
[[noreturn]] void exec_in_path(const Plan& plan, int pipe) {
  char* const* const arguments = plan.arguments.data();
  char* const* const variables = plan.environment.data();
  const std::string_view program = arguments[0];
  if (program.find('/') != std::string_view::npos) {
    ::execve(arguments[0], arguments, variables);
    fail_exec(arguments[0], pipe);
  }
  constexpr std::string_view kPath = "PATH=";
  std::string_view path = "/bin:/usr/bin";
  for (const char* entry : plan.environment) {
    if (entry == nullptr || !std::string_view(entry).starts_with(kPath)) continue;
    path = std::string_view(entry).substr(kPath.size());
  }
  int code = ENOENT;
  while (!program.empty() && !path.empty()) {
    const size_t end = std::min(path.find(':'), path.size());
    std::string found(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
    found = (found.empty() ? "." : found) + "/" + std::string(program);
    ::execve(found.c_str(), arguments, variables);
    if (errno == EACCES) code = EACCES;  // another one may be meant
    if (errno == EACCES || errno == ENOTDIR) continue;
    if (errno != ENOENT) fail(pipe, SpawnStage::Exec);
    if (::access(found.c_str(), F_OK) == 0) fail(pipe, SpawnStage::Interpreter, ENOENT);
  }
  fail(pipe, SpawnStage::Exec, code);
}

void die_with_parent(const SpawnRequest& request, pid_t parent) {
  if (!request.signal_at_parents_end) return;
  ::prctl(PR_SET_PDEATHSIG, *request.signal_at_parents_end);
  if (::getppid() != parent) ::raise(*request.signal_at_parents_end);  // it was faster
}

// A program that only we can reach (a build in somebody's home) may still be run by the other user:
// it is opened before the change.
[[noreturn]] void exec_confined(const SpawnRequest& request, const Plan& plan, int pipe) {
  const int program = ::open(plan.arguments[0], O_PATH | O_CLOEXEC);
  if (program < 0) fail(pipe, SpawnStage::Exec);
  confine(request.account, pipe);
  die_with_parent(request, plan.parent);  // a change of user clears it (prctl(2))
  ::execveat(program, "", plan.arguments.data(), plan.environment.data(), AT_EMPTY_PATH);
  // ENOENT: a script, whose interpreter must open it by its name (execveat(2)).
  if (errno == ENOENT) ::execve(plan.arguments[0], plan.arguments.data(), plan.environment.data());
  fail_exec(plan.arguments[0], pipe);
}

bool has_variable(const Plan& plan, std::string_view entry) {
  const std::string_view name = entry.substr(0, entry.find('=') + 1);
  return std::any_of(plan.environment.begin(), plan.environment.end(), [&](const char* other) {
    return other != nullptr && std::string_view(other).starts_with(name);
  });
}

// What it is to use belongs to it: paths, and the pipe behind stdout, which a program may open by
// the name of /dev/stdout. Where that is refused the program will say what it lacks.
void give(const SpawnRequest& request, const FoundAccount& account) {
  for (const std::string& path : request.gifts) {
    if (::chown(path.c_str(), account.uid, account.gid) != 0) continue;
  }
  struct stat output {};
  const bool is_pipe =
      request.output >= 0 && ::fstat(STDOUT_FILENO, &output) == 0 && S_ISFIFO(output.st_mode);
  if (is_pipe && ::fchown(STDOUT_FILENO, account.uid, account.gid) != 0) return;
}

// Allocates, as looking somebody up does anyway: see account.h.
void become_account(const SpawnRequest& request, Plan& plan, int pipe) {
  FoundAccount found;
  AccountFault fault;
  bool is_done = find_account(request.account, found, fault);
  if (is_done) give(request, found);
  is_done = is_done && become(found, fault);
  if (!is_done) fail(pipe, fault);
  plan.account = account_variables(found);
  plan.environment.pop_back();  // the null at its end
  for (std::string& variable : plan.account) {
    if (!has_variable(plan, variable)) plan.environment.push_back(variable.data());
  }
  plan.environment.push_back(nullptr);
}

// A supervisor that dies before it has told the service manager of us must not leave a worker that
// nobody knows.
void wait_at(int gate) {
  char go = 0;
  if (::read(gate, &go, 1) != 1) ::_exit(0);
}

[[noreturn]] void run_child(const SpawnRequest& request, Plan& plan, int pipe, int gate,
                            int bind_report) {
  reset_signals();
  // Ctrl-C at a terminal is for the supervisor, which then drains us.
  ::setpgid(0, 0);
  if (gate >= 0) wait_at(gate);
  if (request.group >= 0 && ::write(request.group, "0", 1) != 1) fail(pipe, SpawnStage::Group);
  if (bind_report >= 0) start_bind_watch(bind_report);
  if (request.output >= 0) redirect(request.output, pipe);
  place_fds(plan.fds, pipe);
  constexpr size_t kPrefix = sizeof "LISTEN_PID=" - 1;
  char* digits = plan.listen_pid.data() + kPrefix;
  *std::to_chars(digits, plan.listen_pid.data() + plan.listen_pid.size(), ::getpid()).ptr = '\0';
  if (request.nofile_soft) set_nofile(*request.nofile_soft, pipe);
  // One that cannot be pinned serves all the same.
  if (request.cpu) [[maybe_unused]]
    const auto pinned = pin_to(*request.cpu);
  // Without ambient capabilities a program that is not root has none after exec (capabilities(7)).
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (request.is_confined) exec_confined(request, plan, pipe);
  if (!request.account.is_ours()) become_account(request, plan, pipe);
  const char* directory = request.working_directory.c_str();
  if (*directory != '\0' && ::chdir(directory) != 0) fail(pipe, SpawnStage::Directory);
  if (request.umask) ::umask(*request.umask);
  die_with_parent(request, plan.parent);  // a change of user clears it (prctl(2))
  exec_in_path(plan, pipe);
}

}  // namespace

Result<Child> spawn(const SpawnRequest& request) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return errno_error("pipe2");
  UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  int gate[2] = {-1, -1};
  if (request.is_gated && ::pipe2(gate, O_CLOEXEC) != 0) return errno_error("pipe2");
  const UniqueFd gate_inside(gate[0]);
  UniqueFd gate_outside(gate[1]);
  BindReport report = request.has_bind_watch ? TRY(create_bind_report()) : BindReport();
  Plan plan = make_plan(request);
  finish_environment(plan);
  const pid_t pid = ::fork();
  if (pid < 0) return errno_error("fork");
  if (pid == 0) {
    // Also that of the gate: our end would keep us waiting for ever.
    gate_outside.reset();
    run_child(request, plan, write_end.get(), gate_inside.get(), report.theirs.get());
  }
  return Child{pid, std::move(read_end), std::move(gate_outside), std::move(report.ours)};
}

void open_gate(Child& child) {
  if (!child.gate) return;
  // Fails only when the child is gone already.
  [[maybe_unused]] const ssize_t written = ::write(child.gate.get(), "g", 1);
  child.gate.reset();
}

std::optional<Error> read_spawn_failure(int failure_fd, const SpawnSubject& subject) {
  SpawnFailure failure{};
  if (::read(failure_fd, &failure, sizeof failure) != sizeof failure) return std::nullopt;
  return explain(failure, subject);
}

SpawnSubject subject_of(const SpawnRequest& request) {
  SpawnSubject subject{.program = request.arguments.front(),
                       .account = request.account,
                       .directory = request.working_directory,
                       .origins = request.origins};
  constexpr std::string_view kPath = "PATH=";
  for (const std::string& entry : request.environment) {
    if (entry.starts_with(kPath)) subject.path = entry.substr(kPath.size());
  }
  return subject;
}

Result<pid_t> fork_to(const std::function<int()>& body) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return errno_error("fork");
  if (pid > 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it died before we asked
  ::_exit(body());
}

}  // namespace sockherd::sys
