#include "daemon/worker/crew.h"

#include <sys/eventfd.h>

#include <optional>
#include <string>
#include <utility>

#include "daemon/sys/thread.h"
#include "daemon/worker/errands.h"

namespace sockherd::worker {
namespace {

constexpr int kExitFailure = 1;

}  // namespace

// What is below "the thread's own" is touched by its thread only.
class Crew::ThreadLane final : private io::Watcher {
 public:
  ThreadLane(std::unique_ptr<Mailbox> mailbox, int control, int bell)
      : mailbox_(std::move(mailbox)), control_(control), bell_(bell) {}
  ThreadLane(const ThreadLane&) = delete;
  ThreadLane& operator=(const ThreadLane&) = delete;
  ~ThreadLane() {
    post({.kind = Order::Kind::End});
    state_.wait(State::Making);
    set(State::Ending, State::Made);
    thread_.join();
  }

  Result<void> start_thread(Member member) {
    const std::string name = "worker/" + std::to_string(member.setup.identity.thread);
    // A function must be copyable, and a part is not.
    auto shared = std::make_shared<Member>(std::move(member));
    auto started = sys::Thread::start(name, [this, shared] { run(*shared); });
    if (!started.ok()) {
      set(State::Failed, State::Making);
      return started.error();
    }
    thread_ = std::move(started).value();
    return {};
  }

  // Waits until the lane is made.
  Result<void> await_made() {
    state_.wait(State::Making);
    if (state_.load() == State::Failed) return error_;
    return {};
  }

  void serve() { set(State::Serving, State::Made); }

  void post(Order order) {
    ++posted_;
    mailbox_->post(std::move(order));
  }

  bool is_empty() const {
    return handled_.load(std::memory_order_acquire) == posted_ &&
           open_.load(std::memory_order_acquire) == 0;
  }
  bool has_given() const { return has_given_.load(std::memory_order_relaxed); }

 private:
  enum class State : uint8_t { Making, Failed, Made, Serving, Ending };

  void set(State state, State before) {
    if (state_.compare_exchange_strong(before, state)) state_.notify_all();
  }
  void run(Member& member);
  Result<void> make(Member& member);
  void on_ready(io::Events events) override;
  void handle(Order order);
  void report();

  std::unique_ptr<Mailbox> mailbox_;
  int control_;
  int bell_;
  uint64_t posted_ = 0;  // orders; the main thread's
  sys::Thread thread_;
  std::atomic<State> state_ = State::Making;
  Error error_;  // written before Failed

  // How it stands, after each turn.
  std::atomic<uint64_t> handled_ = 0;
  std::atomic<size_t> open_ = 0;
  std::atomic<bool> has_given_ = false;

  // The thread's own.
  std::unique_ptr<Lane> lane_;
  std::optional<Errands> errands_;
  io::Watch mailbox_watch_;
  uint64_t done_ = 0;  // orders
  bool ends_ = false;
};

void Crew::ThreadLane::run(Member& member) {
  const Result<void> made = make(member);
  if (!made.ok()) error_ = made.error();
  set(made.ok() ? State::Made : State::Failed, State::Making);
  state_.wait(State::Made);
  if (state_.load() == State::Serving) {
    while (!ends_) {
      lane_->turn(Instant{Duration::max()});
      report();
    }
  }
  mailbox_watch_ = {};
  errands_.reset();
  lane_.reset();
}

Result<void> Crew::ThreadLane::make(Member& member) {
  lane_ = TRY(Lane::create(member.setup, std::move(member.part)));
  if (control_ >= 0) errands_.emplace(lane_->service(), lane_->acceptors(), control_);
  Result<io::Watch> watch = lane_->loop().watch(mailbox_->fd(), io::event::kReadable, *this);
  if (!watch.ok()) return Error{kExitFailure, watch.error().what};
  mailbox_watch_ = std::move(watch).value();
  return {};
}

void Crew::ThreadLane::on_ready(io::Events /*events*/) {
  for (Order& order : mailbox_->take()) handle(std::move(order));
}

void Crew::ThreadLane::handle(Order order) {
  ++done_;
  switch (order.kind) {
    case Order::Kind::Errand:
      if (errands_) errands_->run(order.message, std::move(order.fd));
      return;
    case Order::Kind::HangUp:
      if (errands_) errands_->hang_up();
      return;
    case Order::Kind::Drain:
      lane_->drain();
      return;
    case Order::Kind::End:
      ends_ = true;
      return;
  }
}

// In this order: who sees an order done sees what came of it, and who sees that nothing is left
// sees that something was given.
void Crew::ThreadLane::report() {
  const Service& service = lane_->service();
  const size_t open =
      service.connections.size() + service.background + (service.hub->is_under_way() ? 1 : 0);
  const bool is_news = handled_.load(std::memory_order_relaxed) != done_ ||
                       open_.load(std::memory_order_relaxed) != open;
  if (!is_news) return;
  if (errands_) has_given_.store(errands_->giver().has_given(), std::memory_order_relaxed);
  open_.store(open, std::memory_order_release);
  handled_.store(done_, std::memory_order_release);
  if (lane_->is_empty()) [[maybe_unused]]
    const int rung = ::eventfd_write(bell_, 1);
}

Crew::Crew(UniqueFd bell) : bell_(std::move(bell)) {}

Result<std::unique_ptr<Crew>> Crew::create(io::Loop& main, std::vector<Member> members,
                                           int control) {
  const auto failure = [](const Error& error) { return Error{kExitFailure, error.what}; };
  UniqueFd bell(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!bell) return failure(errno_error("eventfd"));
  std::unique_ptr<Crew> crew(new Crew(std::move(bell)));
  auto watch = main.watch(crew->bell_.get(), io::event::kReadable, *crew);
  if (!watch.ok()) return failure(watch.error());
  crew->bell_watch_ = std::move(watch).value();
  for (Member& member : members) {
    auto mailbox = Mailbox::create();
    if (!mailbox.ok()) return failure(mailbox.error());
    auto thread =
        std::make_unique<ThreadLane>(std::move(mailbox).value(), control, crew->bell_.get());
    const auto started = thread->start_thread(std::move(member));
    if (!started.ok()) return failure(started.error());
    crew->threads_.push_back(std::move(thread));
  }
  for (const auto& thread : crew->threads_) TRY(thread->await_made());
  return crew;
}

Crew::~Crew() {
  for (const auto& thread : threads_) thread->post({.kind = Order::Kind::End});
}

size_t Crew::size() const {
  return threads_.size();
}

void Crew::start() {
  for (const auto& thread : threads_) thread->serve();
}

void Crew::post(size_t index, Order order) {
  threads_[index]->post(std::move(order));
}

void Crew::post_to_all(const contract::Message& message) {
  for (const auto& thread : threads_) thread->post({.message = message});
}

void Crew::post_to_all(Order::Kind kind) {
  for (const auto& thread : threads_) thread->post({.kind = kind});
}

bool Crew::is_empty() const {
  for (const auto& thread : threads_) {
    if (!thread->is_empty()) return false;
  }
  return true;
}

bool Crew::has_given() const {
  for (const auto& thread : threads_) {
    if (thread->has_given()) return true;
  }
  return false;
}

// The main thread looks by itself how they stand, in every turn.
void Crew::on_ready(io::Events /*events*/) {
  eventfd_t rung = 0;
  [[maybe_unused]] const int heard = ::eventfd_read(bell_.get(), &rung);
}

}  // namespace sockherd::worker
