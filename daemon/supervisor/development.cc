#include "daemon/supervisor/development.h"

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/config/option_text.h"
#include "daemon/supervisor/exit_status.h"
#include "daemon/sys/listen_socket.h"
#include "daemon/sys/pidfd.h"
#include "daemon/sys/spawn.h"

extern char** environ;

namespace sockherd::supervisor {
namespace {

// A build that writes twice is one change.
constexpr int kQuietMs = 100;

int refuse(const std::string& what, ExitStatus status) {
  std::fprintf(stderr, "sockherd: %s\n", what.c_str());
  return static_cast<int>(status);
}

std::string configuration_of(const std::string& module, uint16_t port) {
  return "[listener.web]\naddress = \"127.0.0.1:" + std::to_string(port) +
         "\"\n\n[pool.web]\nlisteners = [\"web\"]\nworkers = 1\ndrain_timeout = \"5s\"\n"
         "restart_delay_max = \"2s\"\nroutes = [{ path = \"/\", module = " +
         config::quote(module) + " }]\n\n[admin]\nenabled = false\n";
}

// A folder for the configuration and the run; gone at the end.
class Folder {
 public:
  static Result<Folder> create() {
    std::string path = "/tmp/sockherd-dev-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return errno_error("mkdtemp");
    return Folder(std::move(path));
  }
  Folder(Folder&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  Folder& operator=(Folder&&) = delete;
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string file() const { return path_ + "/sockherd.toml"; }

  bool write(const std::string& text) const {
    std::FILE* file = std::fopen(this->file().c_str(), "we");
    if (file == nullptr) return false;
    const bool is_written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    return (std::fclose(file) == 0) && is_written;
  }

 private:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

class Session {
 public:
  Session(std::string module, const Folder& folder)
      : module_(std::move(module)),
        name_(std::filesystem::path(module_).filename()),
        folder_(folder) {}

  // Who waits there is served by the next supervisor too.
  Result<void> open(const std::string& address) {
    constexpr int kBacklog = 1024;
    const sys::SocketAddress where = TRY(sys::SocketAddress::parse(address));
    listener_ = TRY(sys::bind_listener(where, sys::Sharing::ReusePort, kBacklog, 0600));
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!signals_) return errno_error("signalfd");
    changes_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!changes_) return errno_error("inotify_init1");
    const std::string directory = std::filesystem::path(module_).parent_path();
    if (::inotify_add_watch(changes_.get(), directory.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO) < 0) {
      return errno_error("watch " + directory);
    }
    return {};
  }

  Result<void> start() {
    sys::SpawnRequest request;
    request.arguments = {"/proc/self/exe", "--config", folder_.file()};
    for (char** entry = environ; *entry != nullptr; ++entry)
      request.environment.emplace_back(*entry);
    request.environment.push_back("RUNTIME_DIRECTORY=" + folder_.path());
    request.fds.push_back({listener_.get(), "web"});
    request.signal_at_parents_end = SIGTERM;
    sys::Child child = TRY(sys::spawn(request));
    pid_ = child.pid;
    failure_ = std::move(child.failure);
    ended_ = TRY(sys::open_pidfd(pid_));
    return {};
  }

  // Until it is told to end. Returns the exit status.
  int run() {
    for (;;) {
      std::array<pollfd, 3> entries = {{{signals_.get(), POLLIN, 0},
                                        {changes_.get(), POLLIN, 0},
                                        {pid_ > 0 ? ended_.get() : -1, POLLIN, 0}}};
      const int ready = ::poll(entries.data(), entries.size(), is_changed_ ? kQuietMs : -1);
      if (ready == 0) on_quiet();
      if (entries[1].revents != 0) read_changes();
      if (entries[2].revents != 0 && !on_end()) return status_;
      if (entries[0].revents != 0 && !on_signals()) return 0;
    }
  }

 private:
  void read_changes() {
    alignas(inotify_event) std::array<char, 16 * (sizeof(inotify_event) + NAME_MAX + 1)> bytes;
    ssize_t got = 0;
    while ((got = ::read(changes_.get(), bytes.data(), bytes.size())) > 0) {
      for (const char* at = bytes.data(); at < bytes.data() + got;) {
        const auto* event = reinterpret_cast<const inotify_event*>(at);
        if (event->len > 0 && name_ == event->name) is_changed_ = true;
        at += sizeof *event + event->len;
      }
    }
  }

  void on_quiet() {
    is_changed_ = false;
    std::fprintf(stderr, "sockherd: %s has changed\n", module_.c_str());
    if (pid_ > 0) {
      ::kill(pid_, SIGHUP);
      return;
    }
    const Result<void> started = start();
    if (!started.ok()) std::fprintf(stderr, "sockherd: %s\n", started.error().what.c_str());
  }

  // False: told to end, and ended.
  bool on_signals() {
    signalfd_siginfo signal{};
    while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
      is_ending_ |= signal.ssi_signo != SIGHUP;
      if (pid_ > 0) ::kill(pid_, static_cast<int>(signal.ssi_signo));
    }
    return !is_ending_ || pid_ > 0;
  }

  // Of the supervisor. False: that is all.
  bool on_end() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(ExitStatus::Failure);
    if (is_ending_ || status_ == 0) return false;
    std::fprintf(stderr, "sockherd: waiting until %s changes\n", module_.c_str());
    return true;
  }

  std::string module_;
  std::string name_;
  const Folder& folder_;
  UniqueFd listener_;
  UniqueFd signals_;
  UniqueFd changes_;
  UniqueFd failure_;
  UniqueFd ended_;
  pid_t pid_ = -1;
  int status_ = 0;
  bool is_changed_ = false;
  bool is_ending_ = false;
};

}  // namespace

int run_development(const Development& development) {
  std::error_code fault;
  const std::filesystem::path module = std::filesystem::absolute(development.module, fault);
  struct stat status {};
  if (fault || ::stat(module.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return refuse("--dev " + development.module + ": there is no such file; build it first",
                  ExitStatus::Configuration);
  }
  Result<Folder> folder = Folder::create();
  if (!folder.ok()) return refuse(folder.error().what, ExitStatus::Failure);
  if (!folder->write(configuration_of(module, development.port))) {
    return refuse("cannot write " + folder->file(), ExitStatus::Failure);
  }
  Session session(module, *folder);
  Result<void> ready = session.open("127.0.0.1:" + std::to_string(development.port));
  if (ready.ok()) ready = session.start();
  if (!ready.ok()) return refuse(ready.error().what, ExitStatus::Failure);
  std::fprintf(stderr, "sockherd: %s on http://localhost:%u/, reloaded on change (Ctrl-C stops)\n",
               module.c_str(), unsigned{development.port});
  return session.run();
}

}  // namespace sockherd::supervisor
