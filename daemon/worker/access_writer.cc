#include "daemon/worker/access_writer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"

namespace sockherd::worker {
namespace {

using stats::Count;
using std::chrono::milliseconds;
using std::chrono::seconds;

// How late a line may be while others come; so many wake-ups a second are free of charge.
constexpr Duration kLinger = milliseconds(50);

// For a reader that takes nothing, when no event would tell that it does again.
constexpr Duration kRetry = milliseconds(10);

// How long a worker that ends waits for its last lines to be taken.
constexpr Duration kPatience = seconds(1);

constexpr Duration kForEver{Duration::max()};

// The deepest it goes is localtime_r(3) and a line for our own log.
constexpr size_t kStackBytes = size_t{256} * 1024;

Duration wall_minus_monotonic() {
  timespec wall{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  const Duration since_1970 = seconds(wall.tv_sec) + std::chrono::nanoseconds(wall.tv_nsec);
  return since_1970 - monotonic_now().since_boot;
}

timespec timespec_of(Duration duration) {
  const auto whole = std::chrono::floor<seconds>(duration);
  timespec time{};
  time.tv_sec = static_cast<time_t>(whole.count());
  time.tv_nsec = static_cast<long>((duration - whole).count());
  return time;
}

Result<UniqueFd> make_eventfd() {
  UniqueFd fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!fd) return errno_error("eventfd");
  return fd;
}

void signal(const UniqueFd& eventfd) {
  const uint64_t one = 1;
  // Fails only when that has been said 2^64 times already.
  [[maybe_unused]] const ssize_t written = ::write(eventfd.get(), &one, sizeof one);
}

}  // namespace

AccessWriter::AccessWriter(std::unique_ptr<AccessSink> sink, size_t rings, size_t ring_bytes,
                           UniqueFd wake_up, UniqueFd ended, stats::Counters& counters)
    : sink_(std::move(sink)),
      wake_up_(std::move(wake_up)),
      ended_(std::move(ended)),
      counters_(counters) {
  for (size_t i = 0; i < rings; ++i) rings_.push_back(std::make_unique<AccessRing>(ring_bytes));
}

Result<AccessWriterHandle> AccessWriter::start(std::unique_ptr<AccessSink> sink, size_t rings,
                                               size_t ring_bytes, stats::Counters& counters) {
  UniqueFd wake_up = TRY(make_eventfd());
  UniqueFd ended = TRY(make_eventfd());
  AccessWriterHandle writer(new AccessWriter(std::move(sink), rings, ring_bytes, std::move(wake_up),
                                             std::move(ended), counters));
  TRY(writer->start_thread());
  return writer;
}

Result<void> AccessWriter::start_thread() {
  sigset_t all;
  sigfillset(&all);
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  ::pthread_attr_setsigmask_np(&attributes, &all);
  ::tzset();  // here and not there: it allocates, and a second thread's first allocation is dear
  const int code = ::pthread_create(&thread_, &attributes, &run_thread, this);
  ::pthread_attr_destroy(&attributes);
  if (code != 0) return errno_error("start the thread of the access log", code);
  has_thread_ = true;
  ::pthread_setname_np(thread_, "access-log");
  return {};
}

void AccessWriterEnd::operator()(AccessWriter* writer) const {
  // Otherwise the thread must find its memory, for as long as the process has left.
  if (writer->end_thread()) delete writer;
}

// Returns false where it stands in a write(2) that does not end (a dead network file system).
bool AccessWriter::end_thread() {
  if (!has_thread_) return true;
  wishes_.fetch_or(kStop, std::memory_order_acq_rel);
  wake();
  pollfd entry{ended_.get(), POLLIN, 0};
  const timespec longest = timespec_of(2 * kPatience);
  const bool has_ended = ::ppoll(&entry, 1, &longest, nullptr) == 1;
  (has_ended ? ::pthread_join(thread_, nullptr) : ::pthread_detach(thread_));
  return has_ended;
}

void* AccessWriter::run_thread(void* self) {
  auto& writer = *static_cast<AccessWriter*>(self);
  writer.run();
  signal(writer.ended_);
  return nullptr;
}

// --- the loops' side

// A read-modify-write, so that one of the two sees the other: either we see that it sleeps, or it
// sees our records before it does (rest()).
void AccessWriter::has_more(AccessRing& ring) {
  const uint32_t state = state_.fetch_add(0, std::memory_order_acq_rel);
  if (state == kBusy || (state == kPause && !ring.is_half_full())) return;
  if (state_.exchange(kBusy, std::memory_order_acq_rel) != kBusy) wake();
}

void AccessWriter::reopen() {
  wishes_.fetch_or(kReopen, std::memory_order_acq_rel);
  wake();
}

void AccessWriter::wake() {
  signal(wake_up_);
}

// --- the thread

void AccessWriter::run() {
  for (;;) {
    take_wishes();
    const bool is_last = is_stopping_;
    const bool was_busy = empty_rings();
    if (is_last) return;
    if (!is_stopping_) rest(was_busy);
  }
}

bool AccessWriter::empty_rings() {
  const Duration boot = wall_minus_monotonic();
  bool had_any = false;
  for (const auto& ring : rings_) {
    while (const auto bytes = ring->front()) {
      had_any = true;
      if (!sink_->has_room()) flush();
      sink_->put(AccessRecord::decode(*bytes), boot);
      ring->pop();
    }
  }
  if (had_any) flush();
  return had_any;
}

void AccessWriter::flush() {
  note(sink_->flush([this](int fd) { return wait_for_room(fd); }));
  take_wishes();  // also where the loops are faster than we are
}

void AccessWriter::note(const AccessSink::Written& written) {
  counters_.add(Count::AccessLogRecords, written.records);
  counters_.add(Count::AccessLogWriteErrors, written.lost);
  lost_ += written.lost;
  if (written.error && !std::exchange(is_failing_, true)) {
    log::warn("access-log-write-failed",
              {{"error", written.error->what}, {"further", "counted until it works again"}});
  }
  if (!written.error && written.records > 0 && std::exchange(is_failing_, false)) {
    log::notice("access-log-works-again", {{"lost", std::exchange(lost_, 0)}});
  }
}

void AccessWriter::rest(bool was_busy) {
  const uint32_t how = was_busy ? kPause : kSleep;
  state_.exchange(how, std::memory_order_acq_rel);
  const auto has_record = [](const auto& ring) { return ring->front().has_value(); };
  const bool has_come = how == kSleep && std::any_of(rings_.begin(), rings_.end(), has_record);
  if (!has_come) wait(-1, 0, how == kSleep ? kForEver : kLinger);
  state_.exchange(kBusy, std::memory_order_acq_rel);
}

// Waits for the descriptor or a wake-up. Returns whether the descriptor is ready.
bool AccessWriter::wait(int fd, short events, Duration longest) {
  std::array<pollfd, 2> entries = {pollfd{wake_up_.get(), POLLIN, 0}, pollfd{fd, events, 0}};
  const timespec time = timespec_of(std::max(longest, Duration::zero()));
  ::ppoll(entries.data(), entries.size(), longest == kForEver ? nullptr : &time, nullptr);
  if (entries[0].revents != 0) {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake_up_.get(), &count, sizeof count);
  }
  return entries[1].revents != 0;
}

// For as long as it takes, but at the end of the process not for long. A log that was opened anew
// is tried at once.
bool AccessWriter::wait_for_room(int fd) {
  const bool has_event = fd != AccessSink::kNoEvent;
  for (;;) {
    if (take_wishes()) return true;
    const Duration left = is_stopping_ ? give_up_at_ - monotonic_now() : kForEver;
    if (left <= Duration::zero()) return false;
    const bool is_ready = wait(fd, POLLOUT, has_event ? left : std::min(left, kRetry));
    if (is_ready || !has_event) return true;
  }
}

// Returns whether the log was opened anew.
bool AccessWriter::take_wishes() {
  if (wishes_.load(std::memory_order_relaxed) == 0) return false;
  const uint32_t wishes = wishes_.exchange(0, std::memory_order_acq_rel);
  if ((wishes & kStop) != 0) {
    is_stopping_ = true;
    give_up_at_ = monotonic_now() + kPatience;
  }
  return (wishes & kReopen) != 0 && reopen_now();
}

bool AccessWriter::reopen_now() {
  const Result<void> reopened = sink_->reopen();
  if (reopened.ok()) {
    log::info("access-log-reopened");
  } else {
    log::warn("access-log-not-reopened",
              {{"error", reopened.error().what}, {"next", "the file before goes on"}});
  }
  return reopened.ok();
}

}  // namespace sockherd::worker
