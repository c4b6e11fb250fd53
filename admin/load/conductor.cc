#include "admin/load/conductor.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "admin/load/crowd.h"
#include "daemon/base/clock.h"
#include "daemon/sys/pidfd.h"
#include "daemon/sys/spawn.h"

namespace sockherd::load {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(100);
constexpr Duration kStart = std::chrono::milliseconds(20);  // so that all have heard of it by then
constexpr Duration kQuiet = std::chrono::seconds(2);        // nothing comes any more
constexpr size_t kMostSamples = 2000;
constexpr int kCannotStart = 1;

double seconds_of(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

struct Process {
  pid_t pid = -1;
  UniqueFd handle;  // a pidfd; none when it has ended
};

class Conductor {
 public:
  Conductor(const Plan& plan, const Watching& watching, Board board)
      : plan_(plan), watching_(watching), board_(std::move(board)) {
    report_.plan = plan;
  }
  Conductor(const Conductor&) = delete;
  Conductor& operator=(const Conductor&) = delete;
  ~Conductor();

  Result<Report> run();

 private:
  Result<void> block_signals();
  Result<void> start();
  Result<void> wait();
  Result<void> reap();
  void take_signal();
  void look();
  void sample();
  bool have_all(State state) const;
  bool has_heard_all();
  void begin(Phase phase);
  void next_phase();
  size_t alive() const;

  const Plan& plan_;
  const Watching& watching_;
  Board board_;
  Report report_;
  std::vector<Process> processes_;
  UniqueFd signals_;
  sigset_t old_mask_{};
  Machine before_ = read_machine();
  Phase phase_ = Phase::Open;
  Instant began_ = monotonic_now();
  Instant phase_began_ = began_;
  Instant run_at_ = began_;
  Instant ended_;  // the run, for what is over before anything is answered
  Duration interval_ = kLook;
  uint64_t heard_ = 0;  // answers, at the last look after the run
  Instant heard_at_;
};

Conductor::~Conductor() {
  for (const Process& process : processes_) {
    if (!process.handle) continue;
    (void)sys::send_signal(process.handle.get(), SIGKILL).ok();
    ::waitpid(process.pid, nullptr, 0);
  }
  if (signals_) ::sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
}

Result<void> Conductor::block_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  if (::sigprocmask(SIG_BLOCK, &set, &old_mask_) != 0) return errno_error("sigprocmask");
  signals_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return errno_error("signalfd");
  return {};
}

int work(const Plan& plan, const Board& board, uint32_t process) {
  Result<std::unique_ptr<Crowd>> crowd = Crowd::create(plan, board, process);
  if (!crowd.ok()) return kCannotStart;
  crowd.value()->run();
  return 0;
}

Result<void> Conductor::start() {
  for (uint32_t i = 0; i < plan_.processes; ++i) {
    const pid_t pid = TRY(sys::fork_to([this, i] { return work(plan_, board_, i); }));
    processes_.push_back({pid, TRY(sys::open_pidfd(pid))});
  }
  return {};
}

size_t Conductor::alive() const {
  return static_cast<size_t>(std::count_if(processes_.begin(), processes_.end(),
                                           [](const Process& p) { return bool(p.handle); }));
}

bool Conductor::have_all(State state) const {
  return std::all_of(board_.tallies().begin(), board_.tallies().end(),
                     [state](const Tally& tally) { return tally.state() >= state; });
}

// Of a room: everything that was said, or nothing more comes. True for all else.
bool Conductor::has_heard_all() {
  if (plan_.task != Task::Listen) return true;
  const Sample sums = sum_of(board_.tallies(), 0);
  const Instant now = monotonic_now();
  if (heard_ != sums.answered || heard_at_ == Instant{}) {
    heard_ = sums.answered;
    heard_at_ = now;
  }
  return sums.answered >= sums.sent * sums.open || now - heard_at_ > kQuiet;
}

void Conductor::begin(Phase phase) {
  const Instant now = monotonic_now();
  if (phase_ == Phase::Open) report_.open_seconds = seconds_of(now - began_);
  const Sample sums = sum_of(board_.tallies(), 0);
  if (phase_ == Phase::Open) report_.open_at_run = sums.open;
  if (phase_ == Phase::Run) ended_ = now;
  if (phase_ == Phase::Echo) report_.echo_seconds = seconds_of(now - phase_began_);
  report_.open_at_end = sums.open;
  phase_ = phase;
  phase_began_ = now;
  if (phase == Phase::Run) run_at_ = phase_began_ = now + kStart;
  board_.order(phase, run_at_);
}

void Conductor::next_phase() {
  switch (phase_) {
    case Phase::Open:
      if (have_all(State::Opened)) begin(Phase::Run);
      return;
    case Phase::Run:
      if (!have_all(State::Ran) || !has_heard_all()) return;
      begin(plan_.echoes_at_end ? Phase::Echo : Phase::Close);
      return;
    case Phase::Echo:
      if (have_all(State::Echoed)) begin(Phase::Close);
      return;
    case Phase::Close:
      return;
  }
}

// The first asks for the end, the second does not wait for it.
void Conductor::take_signal() {
  signalfd_siginfo info{};
  if (::read(signals_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
  if (!report_.is_interrupted && phase_ != Phase::Close) {
    report_.is_interrupted = true;
    begin(Phase::Close);
    return;
  }
  for (const Process& process : processes_) {
    if (process.handle) (void)sys::send_signal(process.handle.get(), SIGKILL).ok();
  }
}

Result<void> Conductor::reap() {
  for (Process& process : processes_) {
    if (!process.handle) continue;
    int status = 0;
    if (::waitpid(process.pid, &status, WNOHANG) != process.pid) continue;
    process.handle.reset();
    const bool was_killed = phase_ == Phase::Close && WIFSIGNALED(status);
    if ((WIFEXITED(status) && WEXITSTATUS(status) == 0) || was_killed) continue;
    return Error{0, "a process of the load has ended " +
                        (WIFSIGNALED(status) ? "by signal " + std::to_string(WTERMSIG(status))
                                             : std::string("early: out of memory or descriptors"))};
  }
  return {};
}

Result<void> Conductor::wait() {
  std::vector<pollfd> fds = {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                             {.fd = board_.bell(), .events = POLLIN, .revents = 0}};
  for (const Process& process : processes_) {
    if (process.handle) fds.push_back({.fd = process.handle.get(), .events = POLLIN, .revents = 0});
  }
  const auto longest = std::chrono::duration_cast<std::chrono::milliseconds>(kLook).count();
  ::poll(fds.data(), fds.size(), static_cast<int>(longest));
  if (fds[0].revents != 0) take_signal();
  if (fds[1].revents != 0) hush(board_.bell());
  return reap();
}

// Keeps the samples of a long run few: every other one goes, and from then on fewer come.
void Conductor::sample() {
  const double seconds = seconds_of(monotonic_now() - began_);
  std::vector<Sample>& samples = report_.samples;
  if (!samples.empty() && seconds - samples.back().seconds < seconds_of(interval_)) return;
  samples.push_back(sum_of(board_.tallies(), seconds));
  if (samples.size() < kMostSamples) return;
  for (size_t i = 0; i < samples.size() / 2; ++i) samples[i] = samples[2 * i];
  samples.resize(samples.size() / 2);
  interval_ = interval_ * 2;
}

void Conductor::look() {
  sample();
  if (!watching_) return;
  Progress progress;
  progress.phase = phase_;
  progress.phase_seconds = seconds_of(monotonic_now() - phase_began_);
  progress.now = sum_of(board_.tallies(), seconds_of(monotonic_now() - began_));
  progress.before = report_.samples.front();
  for (auto at = report_.samples.rbegin(); at != report_.samples.rend(); ++at) {
    progress.before = *at;
    if (progress.now.seconds - at->seconds >= 1) break;
  }
  watching_(progress);
}

Result<Report> Conductor::run() {
  TRY(block_signals());
  TRY(start());
  while (alive() > 0) {
    TRY(wait());
    look();
    next_phase();
  }
  sum_up(report_, board_.tallies());
  uint64_t last_ns = 0;
  for (const Tally& tally : board_.tallies()) {
    last_ns = std::max(last_ns, tally.get(Count::LastAnswerNs));
  }
  const Instant last{Duration(static_cast<int64_t>(last_ns))};
  report_.run_seconds = std::max(0.0, seconds_of((last > run_at_ ? last : ended_) - run_at_));
  const Machine after = read_machine();
  report_.findings = judge(before_, demand_of(plan_));
  for (Finding& finding : compare(before_, after)) report_.findings.push_back(std::move(finding));
  return std::move(report_);
}

}  // namespace

Result<Report> conduct(const Plan& plan, const Watching& watching) {
  Board board = TRY(Board::create(plan.processes));
  Conductor conductor(plan, watching, std::move(board));
  return conductor.run();
}

}  // namespace sockherd::load
