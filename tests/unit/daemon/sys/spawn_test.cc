#include "daemon/sys/spawn.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "daemon/sys/activation.h"
#include "daemon/sys/affinity.h"
#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::sys {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Ended {
  int status = -1;             // exit status, or -1
  std::string output;          // what it wrote to the descriptor named "out"
  std::optional<Error> error;  // what the failure pipe says
};

// Starts `request` with a pipe as its first descriptor (number 3), and waits for its end.
Ended run(SpawnRequest request) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  request.fds.insert(request.fds.begin(), PassFd{write_end.get(), "out"});
  auto child = spawn(request);
  EXPECT_TRUE(child.ok()) << child.error().what;
  write_end.reset();
  Ended ended;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(read_end.get(), buffer, sizeof buffer)) > 0;) {
    ended.output.append(buffer, static_cast<size_t>(got));
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child->pid, &status, 0), child->pid);
  if (WIFEXITED(status)) ended.status = WEXITSTATUS(status);
  ended.error = read_spawn_failure(child->failure.get(), subject_of(request));
  return ended;
}

Ended shell(const std::string& script, SpawnRequest request = {}) {
  request.arguments = {"/bin/sh", "-c", script};
  return run(std::move(request));
}

TEST(Spawn, TellsTheChildItsSocketsTheWaySystemdDoes) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  SpawnRequest request;
  request.fds = {{null.get(), "web"}, {null.get(), "web"}};
  const Ended ended = shell(
      "[ $$ = $LISTEN_PID ] && echo own pid >&3; echo $LISTEN_FDS $LISTEN_FDNAMES >&3; exit 7",
      std::move(request));
  EXPECT_EQ(ended.output, "own pid\n3 out:web:web\n");
  EXPECT_EQ(ended.status, 7);
  EXPECT_FALSE(ended.error);
}

// 3 and 4 are taken by each other's sources, and the pipe to the parent stands in the way too.
TEST(Spawn, PutsDescriptorsInOrderEvenIfTheirNumbersOverlap) {
  std::vector<UniqueFd> files;
  std::vector<PassFd> passed;
  for (int i = 0; i < 8; ++i) {
    files.emplace_back(::memfd_create("test", MFD_CLOEXEC));
    const std::string content = std::to_string(i);
    ASSERT_EQ(::pwrite(files.back().get(), content.data(), 1, 0), 1);
  }
  for (size_t i = files.size(); i-- > 0;) passed.push_back({files[i].get(), "f"});
  const Ended ended =
      shell("cd /proc/$$/fd; cat 4 5 10 11 >&3", SpawnRequest{.fds = std::move(passed)});
  EXPECT_EQ(ended.output, "7610");
}

// Found in review: what the supervisor had got without close-on-exec went on to every worker.
TEST(Spawn, LeaksNoOtherDescriptor) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd leaky(::fcntl(null.get(), F_DUPFD, 40));  // not close-on-exec, as from a shell
  const Ended ended = shell("cd /proc/$$/fd; echo * >&3");
  EXPECT_EQ(ended.output, "0 1 2 3 4\n") << "4 is the directory that the shell reads";
}

TEST(Spawn, ResetsSignals) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigaddset(&blocked, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
  const auto hup_before = ::signal(SIGHUP, SIG_IGN);
  const Ended shown = shell("grep -E 'Sig(Blk|Ign)' /proc/self/status >&3");
  ::signal(SIGPIPE, pipe_before);
  ::signal(SIGHUP, hup_before);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(shown.output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Spawn, GivesTheWholeEnvironmentAndNothingElse) {
  ::setenv("SOCKHERD_TEST_OURS", "1", 1);
  const Ended ended =
      run({.arguments = {"/bin/sh", "-c", "/usr/bin/env >&3"}, .environment = {"A=1", "B=2"}});
  ::unsetenv("SOCKHERD_TEST_OURS");
  EXPECT_THAT(ended.output,
              AllOf(HasSubstr("A=1\n"), HasSubstr("B=2\n"), Not(HasSubstr("SOCKHERD_TEST_OURS"))));
}

// Found in review: getenv finds the first entry, so a pool's `environment` could not override ours.
TEST(Spawn, TheLastOfSeveralEntriesWithOneNameCounts) {
  const Ended ended = run(
      {.arguments = {"/bin/sh", "-c", "/usr/bin/env >&3"},
       .environment = {"MODE=dev", "KEEP=1", "LISTEN_PID=1", "LISTEN_FDS=9", "MODE=production"}});
  EXPECT_THAT(ended.output,
              AllOf(HasSubstr("MODE=production\n"), HasSubstr("KEEP=1\n"),
                    HasSubstr("LISTEN_FDS=1\n"), Not(HasSubstr("MODE=dev")),
                    Not(HasSubstr("LISTEN_FDS=9")), Not(HasSubstr("LISTEN_PID=1\n"))));
}

TEST(Spawn, ReportsWhyTheProgramCouldNotBeStarted) {
  const Ended missing = run({.arguments = {"/no/such/program"}});
  EXPECT_EQ(missing.status, 127);
  ASSERT_TRUE(missing.error);
  EXPECT_EQ(missing.error->code, ENOENT);
  EXPECT_EQ(
      missing.error->what,
      "exec /no/such/program: No such file or directory; install it, or say in command where it "
      "is");
  const Ended denied = run({.arguments = {"/etc/passwd"}});
  ASSERT_TRUE(denied.error);
  EXPECT_THAT(denied.error->what, HasSubstr("exec /etc/passwd: Permission denied; it must be "
                                            "executable (chmod +x)"));
}

TEST(Spawn, ReportsWhereItWasSaid) {
  const Ended missing =
      run({.arguments = {"/no/such/program"}, .origins = {.program = "s.toml:4:11"}});
  ASSERT_TRUE(missing.error);
  EXPECT_THAT(missing.error->what, testing::EndsWith(" (s.toml:4:11)"));
  const Ended lost = run({.arguments = {"/bin/true"},
                          .working_directory = "/no/such",
                          .origins = {.program = "s.toml:4:11", .directory = "s.toml:5:21"}});
  ASSERT_TRUE(lost.error);
  EXPECT_EQ(lost.error->what,
            "start /bin/true in /no/such: No such file or directory; create it, or change "
            "working_directory (s.toml:5:21)");
}

// Its path with and without a directory.
TEST(Spawn, ReportsAScriptThatCannotBeRun) {
  const worker::TemporaryDirectory directory;
  directory.write("lost", "#!/no/such/interpreter\n");
  directory.write("plain", "exit 0\n");
  for (const char* name : {"lost", "plain"}) {
    ASSERT_EQ(::chmod(directory.path(name).c_str(), 0755), 0);
    const std::string words = name == std::string("lost")
                                  ? "No such file or directory; it is there, but the interpreter"
                                  : "Exec format error; it is no program for this machine, and no "
                                    "script that begins with #!";
    for (const std::string& program : {std::string(name), directory.path(name)}) {
      const Ended ended =
          run({.arguments = {program}, .environment = {"PATH=/no/such:" + directory.path("")}});
      ASSERT_TRUE(ended.error) << program;
      EXPECT_THAT(ended.error->what, HasSubstr("exec " + program + ": " + words));
    }
  }
}

TEST(Spawn, TakesTheFirstInThePathThatMayBeRun) {
  const worker::TemporaryDirectory directory;
  directory.write("true", "not executable");
  EXPECT_EQ(
      run({.arguments = {"true"}, .environment = {"PATH=" + directory.path("") + ":/bin"}}).status,
      0);
  const Ended denied = run({.arguments = {"true"}, .environment = {"PATH=" + directory.path("")}});
  ASSERT_TRUE(denied.error);
  EXPECT_EQ(denied.error->code, EACCES);
}

TEST(Spawn, ReportsADescriptorThatIsNone) {
  auto child = spawn({.arguments = {"/bin/true"}, .fds = {{9999, "web"}}});
  ASSERT_TRUE(child.ok());
  ASSERT_EQ(::waitpid(child->pid, nullptr, 0), child->pid);
  const auto error = read_spawn_failure(child->failure.get(), {"/bin/true"});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->what, "pass the sockets to /bin/true: Bad file descriptor");
}

TEST(Spawn, FailurePipeEndsWithASuccessfulExec) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  auto child = spawn({.arguments = {"/bin/cat"}, .fds = {{read_end.get(), "in"}}});
  ASSERT_TRUE(child.ok());
  EXPECT_TRUE(wait_readable(child->failure.get())) << "end of file";
  EXPECT_FALSE(read_spawn_failure(child->failure.get(), {"/bin/cat"}));
  ::kill(child->pid, SIGKILL);
  EXPECT_EQ(::waitpid(child->pid, nullptr, 0), child->pid);
}

TEST(Spawn, BecomesAnotherUserForGood) {
  REQUIRE_ROOT();
  SpawnRequest request;
  request.account.user = "nobody";
  request.is_confined = true;
  const Ended ended =
      shell("id -u >&3; id -G >&3; grep -E 'NoNewPrivs|CapEff|CapAmb' /proc/self/status >&3",
            std::move(request));
  EXPECT_EQ(ended.output,
            "65534\n65534\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n");
}

TEST(Spawn, AnotherUserRunsAProgramThatOnlyWeCanReach) {
  REQUIRE_ROOT();
  char home[] = "/tmp/sh-home-XXXXXX";
  ASSERT_NE(::mkdtemp(home), nullptr);  // mode 0700
  const std::string program = std::string(home) + "/program";
  std::filesystem::copy_file("/bin/true", program);
  auto child = spawn({.arguments = {program}, .account = {.user = "nobody"}, .is_confined = true});
  ASSERT_TRUE(child.ok());
  int status = -1;
  ::waitpid(child->pid, &status, 0);
  EXPECT_EQ(status, 0);
  std::filesystem::remove_all(home);
}

TEST(Spawn, LeavesTheProcessGroupOfTheTerminal) {
  const Ended ended = shell("ps -o pgid= -p $$ | tr -d ' ' >&3; echo $$ >&3");
  const size_t half = ended.output.size() / 2;
  EXPECT_EQ(ended.output.substr(0, half), ended.output.substr(half));
}

TEST(Spawn, ReportsAUserThatItMayNotBecome) {
  REQUIRE_ROOT();
  const std::string said = as_user(kNobody, [] {
    auto child =
        spawn({.arguments = {"/bin/true"}, .account = {.user = "root"}, .is_confined = true});
    if (!child.ok()) return child.error().what;
    ::waitpid(child->pid, nullptr, 0);
    const auto error = read_spawn_failure(child->failure.get(), {"/bin/true"});
    return error ? error->what : std::string("started");
  });
  EXPECT_EQ(said, "change the user of /bin/true: Operation not permitted");
}

TEST(Spawn, SetsTheSoftLimitOfDescriptors) {
  SpawnRequest request;
  request.nofile_soft = 33;
  EXPECT_EQ(shell("ulimit -Sn >&3", std::move(request)).output, "33\n");
}

TEST(Spawn, WritesWhereItIsToldToAndReadsNothing) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  auto child = spawn({.arguments = {"/bin/sh", "-c", "echo out; echo err >&2; cat; echo end"},
                      .output = write_end.get()});
  ASSERT_TRUE(child.ok());
  write_end.reset();
  std::string said;
  char buffer[256];
  for (ssize_t got = 0; (got = ::read(read_end.get(), buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<size_t>(got));
  }
  EXPECT_EQ(said, "out\nerr\nend\n");
  EXPECT_EQ(::waitpid(child->pid, nullptr, 0), child->pid);
}

// --- programs that are not ours

// As it may do with a file: many log to /dev/stdout.
TEST(SpawnAccount, AnotherUserMayOpenItsOutputByName) {
  REQUIRE_ROOT();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  auto child = spawn({.arguments = {"/bin/sh", "-c", "echo opened >/dev/stderr"},
                      .account = {.user = "nobody"},
                      .output = write_end.get()});
  ASSERT_TRUE(child.ok());
  write_end.reset();
  char buffer[256];
  const ssize_t got = ::read(read_end.get(), buffer, sizeof buffer);
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(std::max<ssize_t>(got, 0))), "opened\n");
  EXPECT_EQ(::waitpid(child->pid, nullptr, 0), child->pid);
}

TEST(SpawnAccount, WhatItIsGivenBecomesItsOwn) {
  REQUIRE_ROOT();
  char home[] = "/tmp/sh-gift-XXXXXX";
  ASSERT_NE(::mkdtemp(home), nullptr);
  SpawnRequest request{.account = {.user = "nobody"}, .gifts = {home, "/no/such"}};
  EXPECT_EQ(
      shell(std::string("echo x > ") + home + "/file && echo could >&3", std::move(request)).output,
      "could\n");
  std::filesystem::remove_all(home);
}

TEST(SpawnAccount, RunsAsAUserWithItsGroupsAndSaysSoInTheEnvironment) {
  REQUIRE_ROOT();
  SpawnRequest request;
  request.environment = {"PATH=/usr/bin:/bin"};
  request.account.user = "www-data";
  const Ended ended = shell(
      "id -un >&3; id -G >&3; echo $HOME $USER $LOGNAME >&3;"
      "grep NoNewPrivs /proc/self/status >&3",
      std::move(request));
  EXPECT_EQ(ended.output, "www-data\n33\n/var/www www-data www-data\nNoNewPrivs:\t0\n");
}

TEST(SpawnAccount, WhatThePoolSaysOfItsHomeCounts) {
  REQUIRE_ROOT();
  SpawnRequest request;
  request.environment = {"HOME=/srv"};
  request.account.user = "www-data";
  EXPECT_EQ(shell("echo $HOME $USER >&3", std::move(request)).output, "/srv www-data\n");
}

TEST(SpawnAccount, AGroupTakesThePlaceOfTheUsersOwn) {
  REQUIRE_ROOT();
  SpawnRequest request;
  request.account = {"nobody", "www-data"};
  EXPECT_EQ(shell("id -u >&3; id -g >&3", std::move(request)).output, "65534\n33\n");
}

TEST(SpawnAccount, NumbersNeedNoEntryAnywhere) {
  REQUIRE_ROOT();
  SpawnRequest request;
  request.account = {"54321", "54322"};
  EXPECT_EQ(shell("id -u >&3; id -g >&3; id -G >&3", std::move(request)).output,
            "54321\n54322\n54322\n");
}

TEST(SpawnAccount, OursNeedsNoPrivilege) {
  REQUIRE_ROOT();
  const std::string said = as_user(kNobody, [] {
    return shell("id -u >&3", SpawnRequest{.account = {.user = "65534"}}).output;
  });
  EXPECT_EQ(said, "65534\n");
}

TEST(SpawnAccount, FailuresNameTheirStageAndARemedy) {
  REQUIRE_ROOT();
  struct Case {
    SpawnRequest request;
    const char* what;
  };
  const Case cases[] = {
      {{.account = {.user = "nobdy"}},
       "find the user nobdy of /bin/sh: there is no such user; create it with useradd --system "
       "nobdy, or name another one"},
      {{.account = {.group = "nobdy"}},
       "find the group nobdy of /bin/sh: there is no such group; create it with groupadd --system "
       "nobdy, or name another one"},
      {{.working_directory = "/no/such"},
       "start /bin/sh in /no/such: No such file or directory; create it, or change "
       "working_directory"},
      {{.nofile_soft = 1UL << 40},
       "set the descriptor limit of /bin/sh: Invalid argument; it is more than the hard limit: "
       "raise LimitNOFILE= of the unit"},
  };
  for (const Case& one : cases) {
    const Ended ended = shell("exit 0", one.request);
    EXPECT_EQ(ended.status, 127);
    ASSERT_TRUE(ended.error) << one.what;
    EXPECT_EQ(ended.error->what, one.what);
  }
  const std::string denied = as_user(kNobody, [] {
    const Ended ended = shell("exit 0", SpawnRequest{.account = {.user = "www-data"}});
    return ended.error ? ended.error->what : std::string("started");
  });
  EXPECT_THAT(denied, AllOf(HasSubstr("run /bin/sh as user www-data: Operation not permitted"),
                            HasSubstr("CAP_SETUID, CAP_SETGID and CAP_KILL")));
}

TEST(SpawnAccount, HomeDirectoriesNameTheDropInThatShowsThem) {
  const SpawnSubject there{.program = "/home/shop/run", .directory = "/home/shop"};
  const SpawnSubject elsewhere{.program = "/srv/home/run", .directory = "/srv/home"};
  for (const SpawnStage stage : {SpawnStage::Exec, SpawnStage::Directory}) {
    EXPECT_THAT(explain({stage, EACCES}, there).what, HasSubstr("home.conf"));
    EXPECT_THAT(explain({stage, ENOENT}, there).what, Not(HasSubstr("home.conf")));
    EXPECT_THAT(explain({stage, EACCES}, elsewhere).what, Not(HasSubstr("home.conf")));
  }
}

TEST(SpawnAccount, ADirectoryOfTheUserIsEnteredAsTheUser) {
  REQUIRE_ROOT();
  char home[] = "/tmp/sh-home-XXXXXX";
  ASSERT_NE(::mkdtemp(home), nullptr);  // mode 0700, root's
  SpawnRequest request{.account = {.user = "nobody"}, .working_directory = home};
  const Ended ended = shell("exit 0", std::move(request));
  ASSERT_TRUE(ended.error);
  EXPECT_EQ(ended.error->code, EACCES);
  std::filesystem::remove_all(home);
}

TEST(Spawn, StartsInADirectoryWithAnUmaskOnACpu) {
  const std::vector<uint32_t> cpus = allowed_cpus();
  ASSERT_FALSE(cpus.empty());
  SpawnRequest request{.working_directory = "/usr/share", .umask = 027, .cpu = cpus.back()};
  const Ended ended =
      shell("pwd >&3; umask >&3; grep Cpus_allowed_list /proc/self/status >&3", std::move(request));
  EXPECT_EQ(ended.output,
            "/usr/share\n0027\nCpus_allowed_list:\t" + std::to_string(cpus.back()) + "\n");
}

TEST(Spawn, ThePathOfTheProgramsOwnEnvironmentCounts) {
  char home[] = "/tmp/sh-path-XXXXXX";
  ASSERT_NE(::mkdtemp(home), nullptr);
  const std::string path = std::string("PATH=") + home;
  std::filesystem::create_symlink("/bin/true", std::string(home) + "/only-here");
  EXPECT_EQ(run({.arguments = {"only-here"}, .environment = {path}}).status, 0);
  std::filesystem::remove_all(home);
  const Ended missing = run({.arguments = {"only-here"}, .environment = {path}});
  ASSERT_TRUE(missing.error);
  EXPECT_EQ(missing.error->what,
            std::string("exec only-here: No such file or directory; it is nowhere in PATH (") +
                home + "): name it by its absolute path");
}

TEST(Spawn, FindsAProgramInThePath) {
  EXPECT_EQ(run({.arguments = {"true"}}).status, 0);
}

// --- the gate

// A pipe into which a child writes.
struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  // What is written until nobody can write any more, within 10 s.
  std::string rest() {
    write_end.reset();
    std::string all;
    char byte = 0;
    while (wait_readable(read_end.get()) && ::read(read_end.get(), &byte, 1) == 1) all += byte;
    pollfd entry{read_end.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&entry, 1, 0), 1) << "somebody still has it";
    return all;
  }
  UniqueFd read_end;
  UniqueFd write_end;
};

SpawnRequest gated(const Pipe& pipe, const std::string& script = "echo ran >&3") {
  return {.arguments = {"/bin/sh", "-c", script},
          .fds = {{pipe.write_end.get(), "out"}},
          .is_gated = true};
}

std::string program_of(pid_t pid) {
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe").string();
}

TEST(SpawnGate, TheProgramRunsOnlyOnceItIsOpened) {
  Pipe pipe;
  auto child = spawn(gated(pipe));
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(program_of(child->pid), program_of(::getpid()));
  open_gate(child.value());
  EXPECT_EQ(pipe.rest(), "ran\n");
  int status = -1;
  EXPECT_EQ(::waitpid(child->pid, &status, 0), child->pid);
  EXPECT_EQ(status, 0);
  open_gate(child.value());  // no effect any more
}

TEST(SpawnGate, ClosedItEndsTheChildWhichHasDoneNothing) {
  Pipe pipe;
  auto child = spawn(gated(pipe));
  ASSERT_TRUE(child.ok());
  child->gate.reset();
  EXPECT_EQ(pipe.rest(), "");
  int status = -1;
  EXPECT_EQ(::waitpid(child->pid, &status, 0), child->pid);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(read_spawn_failure(child->failure.get(), {"/bin/sh"}));
}

TEST(SpawnGate, TellsWhyTheProgramCouldNotBeStartedOnceItIsOpened) {
  auto child = spawn({.arguments = {"/no/such/program"}, .is_gated = true});
  ASSERT_TRUE(child.ok());
  EXPECT_FALSE(read_spawn_failure(child->failure.get(), {"x"}));
  open_gate(child.value());
  EXPECT_EQ(::waitpid(child->pid, nullptr, 0), child->pid);
  EXPECT_EQ(read_spawn_failure(child->failure.get(), {"x"})->code, ENOENT);
}

TEST(SpawnGate, WithoutOneThereIsNothingToOpen) {
  auto child = spawn({.arguments = {"/bin/true"}});
  ASSERT_TRUE(child.ok());
  EXPECT_FALSE(child->gate);
  open_gate(child.value());
  EXPECT_EQ(::waitpid(child->pid, nullptr, 0), child->pid);
}

TEST(SpawnGate, EachOfSeveralHasItsOwn) {
  Pipe pipe;
  std::vector<Child> children;
  for (const char* name : {"a", "b", "c"}) {
    children.push_back(spawn(gated(pipe, std::string("echo ") + name + " >&3")).value());
  }
  open_gate(children[1]);
  char said[2];
  ASSERT_EQ(::read(pipe.read_end.get(), said, 2), 2);
  EXPECT_EQ(said[0], 'b');
  for (Child& child : children) child.gate.reset();
  EXPECT_EQ(pipe.rest(), "") << "the others have not run";
  for (const Child& child : children) EXPECT_EQ(::waitpid(child.pid, nullptr, 0), child.pid);
}

// Each one has inherited the gates of those before it.
TEST(SpawnGate, TheDeathOfTheParentEndsAllWhoWait) {
  Pipe pipe;
  as_user(::geteuid(), [&pipe]() -> std::string {
    std::vector<Child> children;
    for (int i = 0; i < 4; ++i) children.push_back(spawn(gated(pipe)).value());
    ::raise(SIGKILL);
    return "";
  });
  EXPECT_EQ(pipe.rest(), "") << "none has run, and none is left";
}

// --- the end of the parent

SpawnRequest mortal(const Pipe& pipe) {
  return {.arguments = {"/bin/sh", "-c", "echo here >&3; exec sleep 60"},
          .environment = {"PATH=/usr/bin:/bin"},
          .fds = {{pipe.write_end.get(), "out"}},
          .signal_at_parents_end = SIGTERM};
}

// Ends as soon as the program has begun.
void begin_and_die(Pipe& pipe, const SpawnRequest& request) {
  as_user(::geteuid(), [&]() -> std::string {
    if (!spawn(request).ok()) return "";
    wait_readable(pipe.read_end.get());
    ::raise(SIGKILL);
    return "";
  });
}

TEST(SpawnAtParentsEnd, TheChildIsTold) {
  Pipe pipe;
  begin_and_die(pipe, mortal(pipe));
  EXPECT_EQ(pipe.rest(), "here\n");
}

// A change of identity clears it.
TEST(SpawnAtParentsEnd, AChildThatHasBecomeAnotherUserIsToldToo) {
  REQUIRE_ROOT();
  Pipe pipe;
  SpawnRequest request = mortal(pipe);
  request.account.user = "nobody";
  request.is_confined = true;
  begin_and_die(pipe, request);
  EXPECT_EQ(pipe.rest(), "here\n");
}

TEST(SpawnAtParentsEnd, AChildThatWasNotThatFarYetIsNotForgotten) {
  for (int i = 0; i < 30; ++i) {
    Pipe pipe;
    SpawnRequest request = mortal(pipe);
    request.is_gated = true;
    as_user(::geteuid(), [&request]() -> std::string {
      Child child = spawn(request).value();
      open_gate(child);
      ::raise(SIGKILL);
      return "";
    });
    pipe.rest();
    ASSERT_FALSE(HasFailure()) << "round " << i;
  }
}

TEST(SpawnAtParentsEnd, OtherChildrenLiveOn) {
  Pipe pipe;
  Pipe alive;
  SpawnRequest request = mortal(pipe);
  request.arguments = {"/bin/sh", "-c", "echo here >&3; read word <&4; echo $word >&3"};
  request.fds.push_back({alive.read_end.get(), "in"});
  request.signal_at_parents_end.reset();
  begin_and_die(pipe, request);
  ASSERT_EQ(::write(alive.write_end.get(), "still\n", 6), 6);
  EXPECT_EQ(pipe.rest(), "here\nstill\n");
}

// The receiving half, in a child of its own because it takes the descriptors over for good.
TEST(TakePassedFds, GivesNamesAndDescriptorsAndForgetsTheVariables) {
  const std::string said = as_user(::geteuid(), [] {
    const UniqueFd file(::memfd_create("test", 0));
    const UniqueFd far(::fcntl(file.get(), F_DUPFD, 50));
    ::dup2(far.get(), 3);
    ::dup2(far.get(), 4);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "2", 1);
    ::setenv("LISTEN_FDNAMES", "web:admin", 1);
    auto passed = take_passed_fds();
    if (!passed.ok()) return passed.error().what;
    std::string text;
    for (const PassedFd& one : passed.value()) {
      const bool is_closed_on_exec = (::fcntl(one.fd.get(), F_GETFD) & FD_CLOEXEC) != 0;
      text += one.name + "=" + std::to_string(one.fd.get()) + (is_closed_on_exec ? " " : "! ");
    }
    if (std::getenv("LISTEN_FDS") != nullptr) text += "kept";
    return text;
  });
  EXPECT_EQ(said, "web=3 admin=4 ");
}

TEST(TakePassedFds, TakesNothingThatIsForAnotherProcess) {
  ::setenv("LISTEN_PID", "1", 1);
  ::setenv("LISTEN_FDS", "2", 1);
  const auto passed = take_passed_fds();
  ASSERT_TRUE(passed.ok());
  EXPECT_TRUE(passed.value().empty());
  EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr);
}

TEST(TakePassedFds, RefusesVariablesThatContradictEachOther) {
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", "many", 1);
  EXPECT_FALSE(take_passed_fds().ok());
}

}  // namespace
}  // namespace sockherd::sys
