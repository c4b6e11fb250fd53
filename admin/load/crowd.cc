#include "admin/load/crowd.h"

#include <sys/resource.h>
#include <sys/timerfd.h>

#include <algorithm>

#include "admin/load/http_connection.h"
#include "admin/load/web_socket_connection.h"

namespace sockherd::load {
namespace {

constexpr Duration kSweep = std::chrono::milliseconds(100);
constexpr Duration kIdle = std::chrono::hours(1);  // the bell rings before
constexpr size_t kMostOpening = 256;  // of all processes: accept queues are not endless
constexpr size_t kLeastOpening = 8;   // of one
constexpr size_t kMostEchoing = 64;   // of one
constexpr size_t kMostInOneTurn = 256;

uint64_t cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) {
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000 + static_cast<uint64_t>(time.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

}  // namespace

void Crowd::Alarm::on_ready(io::Events /*events*/) {
  hush(fd);
}

Crowd::Crowd(const Plan& plan, const Board& board, uint32_t process, std::unique_ptr<io::Loop> loop)
    : plan_(plan),
      board_(board),
      process_(process),
      tally_(board.tally(process)),
      loop_(std::move(loop)),
      setting_(plan, *loop_, tally_, *this) {}

Crowd::~Crowd() = default;

Result<std::unique_ptr<Crowd>> Crowd::create(const Plan& plan, const Board& board,
                                             uint32_t process) {
  std::unique_ptr<io::Loop> loop = TRY(io::Loop::create());
  std::unique_ptr<Crowd> crowd(new Crowd(plan, board, process, std::move(loop)));
  TRY(crowd->prepare());
  return crowd;
}

Result<void> Crowd::prepare() {
  bell_.fd = board_.bell_of(process_);
  bell_.watch = TRY(loop_->watch(bell_.fd, io::event::kReadable, bell_));
  timer_.own = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer_.own) return errno_error("timerfd_create");
  timer_.fd = timer_.own.get();
  timer_.watch = TRY(loop_->watch(timer_.fd, io::event::kReadable, timer_));

  const bool is_http = plan_.protocol == Protocol::Http;
  setting_.request = is_http ? write_request(plan_) : write_handshake(plan_);
  if (!is_http) setting_.payload = make_payload(plan_.size);
  const uint64_t mine = connections_of(plan_, process_);
  connections_.reserve(mine);
  for (uint64_t i = 0; i < mine; ++i) {
    const auto number = static_cast<uint32_t>(process_ + i * plan_.processes);
    if (is_http)
      connections_.push_back(std::make_unique<HttpConnection>(setting_, number));
    else
      connections_.push_back(std::make_unique<WebSocketConnection>(setting_, number));
  }
  most_opening_ = std::max(kMostOpening / plan_.processes, kLeastOpening);
  const Portion portion = portion_of(plan_.connect_rate, mine, plan_.connections, process_);
  opens_ = Schedule(loop_->now() + portion.offset, portion.a_second);
  return {};
}

void Crowd::run() {
  for (;;) {
    loop_->read_clock();
    follow_orders();
    act();
    if (phase_ == Phase::Close && has_said_) return;
    loop_->turn(wake_up_at());
  }
}

void Crowd::say(State state) {
  if (has_said_) return;
  has_said_ = true;
  board_.say(process_, state);
}

void Crowd::follow_orders() {
  const Phase phase = board_.phase();
  if (phase == phase_) return;
  if (phase_ == Phase::Run) end_run();
  phase_ = phase;
  has_said_ = false;
  if (phase == Phase::Run) begin_run();
  if (phase == Phase::Close) close_all();
}

void Crowd::act() {
  if (loop_->now() - swept_at_ >= kSweep) sweep();
  switch (phase_) {
    case Phase::Open:
      open_more();
      if (next_open_ == connections_.size() && opening_ == 0) say(State::Opened);
      return;
    case Phase::Run:
      send_due();
      reopen_some();
      if (!is_running() && owed_ == 0) {
        end_run();
        say(State::Ran);
      }
      return;
    case Phase::Echo:
      echo_some();
      if (next_echo_ == connections_.size() && echoing_ == 0) say(State::Echoed);
      return;
    case Phase::Close:
      if (closing_ == 0) say(State::Closed);
      return;
  }
}

// The latest: what comes on a connection, the bell and the timer wake it up before.
Instant Crowd::wake_up_at() const {
  const bool waits_for_time = opening_ + owed_ + echoing_ + closing_ > 0 ||
                              (phase_ == Phase::Open && next_open_ < connections_.size()) ||
                              (phase_ == Phase::Run && is_running());
  return loop_->now() + (waits_for_time ? kSweep : kIdle);
}

// --- Open

void Crowd::open(Connection& connection) {
  ++opening_;
  connection.open(loop_->now());
}

void Crowd::open_more() {
  size_t begun = 0;
  while (next_open_ < connections_.size() && may_open_more()) {
    const Instant due = opens_.due(next_open_);
    if (due > loop_->now()) return wait_for_due(due);
    if (++begun > kMostInOneTurn) return wait_for_due(loop_->now());
    open(*connections_[next_open_++]);
  }
}

// Those that were lost in a run. What fails is tried again with the next sweep, so that a server
// which is away is not stormed.
void Crowd::reopen_some() {
  if (!is_running()) return;
  for (size_t i = lost_.size(); i > 0 && may_open_more(); --i) {
    Connection& connection = *connections_[lost_.front()];
    lost_.pop_front();
    connection.is_reopened = true;
    open(connection);
  }
}

void Crowd::on_opened(Connection& connection) {
  --opening_;
  count_open(1);
  if (connection.is_reopened) tally_.add(Count::Reopened);
  if (phase_ == Phase::Run) queue(connection);
}

// --- Run

// Whether more is to be sent. What was due before the end is sent behind it too, within the
// time-out: left out, it would be the slowest that is missing from the latencies.
bool Crowd::is_running() const {
  if (phase_ != Phase::Run || (limit_ > 0 && next_ >= limit_)) return false;
  const Instant now = loop_->now();
  if (now < run_until_) return true;
  if (is_closed_loop() || plan_.task != Task::Exchange || open_ == 0) return false;
  return schedule_.due(next_) < run_until_ && now < run_until_ + plan_.timeout;
}

bool Crowd::is_sender(const Connection& connection) const {
  if (plan_.task == Task::Listen) return connection.number() < plan_.senders;
  return plan_.task == Task::Exchange;
}

bool Crowd::is_closed_loop() const {
  return plan_.rate <= 0;
}

void Crowd::begin_run() {
  cpu_before_us_ = cpu_us();
  run_at_ = board_.started_at();
  run_until_ = run_at_ + plan_.duration;
  const bool listens = plan_.task == Task::Listen;
  const uint64_t all = listens ? plan_.senders : plan_.connections;
  const uint64_t mine = listens ? senders_of(plan_, process_) : connections_.size();
  senders_here_ = mine;
  const Portion portion = portion_of(plan_.rate, mine, all, process_);
  schedule_ = Schedule(run_at_ + portion.offset, portion.a_second);
  // The first processes take what cannot be divided.
  limit_ = plan_.count / plan_.processes + (process_ < plan_.count % plan_.processes ? 1 : 0);
  if (plan_.count > 0 && limit_ == 0) run_until_ = run_at_;
  for (const auto& connection : connections_) {
    if (connection->is_open()) queue(*connection);
  }
}

void Crowd::queue(Connection& connection) {
  if (!is_sender(connection) || connection.is_queued) return;
  connection.is_queued = true;
  free_.push_back(place_of(connection));
}

void Crowd::send_next(Connection& connection) {
  const Instant now = loop_->now();
  const Instant due = is_closed_loop() ? now : schedule_.due(next_);
  ++next_;
  if (plan_.task != Task::Listen) ++owed_;
  connection.send(due, now);
}

// Sends what is due on those that are free, each in its turn.
void Crowd::send_due() {
  bool is_first = true;
  while (is_running() && !free_.empty()) {
    const Instant due = is_closed_loop() ? run_at_ : schedule_.due(next_);
    if (due >= run_until_) break;
    if (due > loop_->now()) {
      was_free_ = true;
      return wait_for_due(due);
    }
    Connection& connection = *connections_[free_.front()];
    free_.pop_front();
    connection.is_queued = false;
    if (!connection.is_open() || connection.owed() >= plan_.depth) continue;
    if (is_first && was_free_ && !is_closed_loop()) {
      tally_.slips.record(static_cast<uint64_t>((loop_->now() - due).count()));
    }
    is_first = false;
    send_next(connection);
    if (connection.is_open() && connection.owed() < plan_.depth) queue(connection);
  }
  was_free_ = false;
}

void Crowd::on_answered(Connection& connection, Instant due) {
  const Instant now = loop_->now();
  tally_.add(Count::Answered);
  tally_.set(Count::LastAnswerNs, static_cast<uint64_t>(now.since_boot.count()));
  tally_.latency.record(static_cast<uint64_t>(std::max<int64_t>((now - due).count(), 0)));
  if (plan_.task == Task::Listen) return;
  if (phase_ == Phase::Echo) {
    tally_.add(Count::Echoed);
    --echoing_;
  } else {
    --owed_;
  }
  if (phase_ != Phase::Run || !connection.is_open()) return;
  // With no schedule the next one follows at once; a turn of the loop between would count as ours.
  if (is_closed_loop() && is_running() && is_sender(connection)) return send_next(connection);
  queue(connection);
}

void Crowd::count_open(int change) {
  open_ += static_cast<uint64_t>(change);
  tally_.set(Count::Open, open_);
}

void Crowd::on_ended(Connection& connection) {
  count_open(-1);
  if (connection.is_finishing) {
    --closing_;
    return;
  }
  if (!plan_.is_one_each) tally_.add(Count::Ended);
  if (plan_.protocol == Protocol::Http) lost_.push_back(place_of(connection));
}

void Crowd::on_failed(Connection& connection, const Loss& loss) {
  tally_.add(loss.failure);
  tally_.add(Count::Lost, loss.owed);
  if (loss.was_opening)
    --opening_;
  else
    count_open(-1);
  if (connection.is_finishing) --closing_;
  if (phase_ == Phase::Echo)
    echoing_ -= loss.owed;
  else
    owed_ -= loss.owed;
  if (plan_.protocol == Protocol::Http) failed_.push_back(place_of(connection));
}

// Only a timer of the kernel is exact enough: the loop sleeps whole milliseconds.
void Crowd::wait_for_due(Instant due) {
  const int64_t ns = std::max<int64_t>(due.since_boot.count(), 1);
  itimerspec at{};
  at.it_value.tv_sec = ns / 1'000'000'000;
  at.it_value.tv_nsec = ns % 1'000'000'000;
  ::timerfd_settime(timer_.fd, TFD_TIMER_ABSTIME, &at, nullptr);
}

void Crowd::end_run() {
  if (is_counted_) return;
  is_counted_ = true;
  tally_.set(Count::CpuUs, cpu_us() - cpu_before_us_);
  if (is_closed_loop() || plan_.task == Task::Hold) return;
  const Instant until = std::min(run_until_, loop_->now());
  if (senders_here_ == 0) return;
  while (schedule_.due(next_) < until && (limit_ == 0 || next_ < limit_)) {
    ++next_;
    tally_.add(Count::Unsent);
  }
}

// --- Echo, Close

void Crowd::echo_some() {
  while (next_echo_ < connections_.size() && echoing_ < kMostEchoing) {
    Connection& connection = *connections_[next_echo_++];
    if (!connection.is_open()) continue;
    ++echoing_;
    connection.send(loop_->now(), loop_->now());
  }
}

void Crowd::close_all() {
  for (const auto& connection : connections_) {
    if (connection->is_opening()) {
      connection->close();
      --opening_;
    } else if (connection->is_open()) {
      ++closing_;
      connection->is_finishing = true;
      connection->finish();
    }
  }
}

// What has waited for too long. Rare enough to look at every one of them.
void Crowd::sweep() {
  swept_at_ = loop_->now();
  lost_.insert(lost_.end(), failed_.begin(), failed_.end());
  failed_.clear();
  if (opening_ + owed_ + echoing_ + closing_ == 0) return;
  for (const auto& connection : connections_) connection->check_time(swept_at_);
}

}  // namespace sockherd::load
