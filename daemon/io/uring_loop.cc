#include "daemon/io/uring_loop.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "daemon/base/assert.h"

namespace sockherd::io {
namespace {

// The state of a socket: flags, and above them the place of its activity + 1. That of a watch is
// its events.
constexpr uint32_t kIsWatched = 1;
constexpr uint32_t kReceives = 2;      // a receive is under way
constexpr uint32_t kStops = 4;         // it has been told to end
constexpr uint32_t kWaitsForRoom = 8;  // a poll is under way, or begins when it is watched
constexpr uint32_t kEnded = 16;        // the peer sends no more
constexpr uint32_t kFailed = 32;
constexpr uint32_t kWaitsForHangUp = 64;  // a poll is under way
constexpr uint32_t kIsBroken = 128;       // it has hung up; bytes from before may be left
constexpr unsigned kFlagBits = 8;

// The entries of the kernel: generation << 32 | operation << 28 | index.
constexpr unsigned kIndexBits = 28;
constexpr uint64_t kOperationMask = uint64_t{15} << kIndexBits;

}  // namespace

UringLoop::~UringLoop() = default;

Result<std::unique_ptr<Loop>> UringLoop::create(const UringSizes& sizes) {
  return std::unique_ptr<Loop>(new UringLoop(TRY(Uring::create(sizes))));
}

// --- What is asked

uint64_t UringLoop::name_of(uint32_t index, Operation operation) const {
  return tag_of(index) | uint64_t{static_cast<uint32_t>(operation)} << kIndexBits;
}

void UringLoop::remember(uint32_t index, int fd) {
  SH_ASSERT(index >> kIndexBits == 0);
  if (index >= fds_.size()) fds_.resize(index + 1, -1);
  fds_[index] = fd;
}

// One event, after which it is polled anew: so what is the case still is told again, as with
// level-triggered epoll. Edge-triggered, it goes on by itself until there is no room to tell more.
void UringLoop::poll(uint32_t index) {
  const Events events = state_of(index);
  io_uring_sqe& entry = ring_->add();
  io_uring_prep_poll_add(&entry, fds_[index], events);
  if ((events & event::kEdge) != 0) entry.len = IORING_POLL_ADD_MULTI;
  io_uring_sqe_set_data64(&entry, name_of(index, Operation::Poll));
}

// Nothing is told of it, but by the end of what is cancelled.
void UringLoop::cancel(uint32_t index, Operation operation) {
  io_uring_sqe& entry = ring_->add();
  io_uring_prep_cancel64(&entry, name_of(index, operation), 0);
  entry.flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(&entry, name_of(index, Operation::Ignored));
}

Result<void> UringLoop::begin_watch(uint32_t index, int fd, Events events) {
  // What cannot be polled is told by the completion only, and nobody would hear of it.
  if (::fcntl(fd, F_GETFD) < 0) return errno_error("fcntl");
  remember(index, fd);
  state_of(index) = events;
  poll(index);
  return {};
}

void UringLoop::end_watch(uint32_t index, int /*fd*/) {
  cancel(index, Operation::Poll);
}

bool UringLoop::begin_socket(uint32_t index, int fd) {
  remember(index, fd);
  uint32_t& state = state_of(index);
  state |= kIsWatched;
  // Most have nothing to say yet: the kernel need not try.
  begin_receiving(index, IORING_RECVSEND_POLL_FIRST);
  if ((std::exchange(state, state & ~kWaitsForRoom) & kWaitsForRoom) != 0) wait_for_room(index);
  // A multishot receive does not always see an end that came with the bytes before it: on AF_UNIX
  // never (Linux 6.17 and later, which ask the socket how much is left), on TCP one reset in a
  // thousand (measured on 6.18).
  wait_for_hang_up(index);
  return true;
}

void UringLoop::begin_receiving(uint32_t index, unsigned flags) {
  state_of(index) |= kReceives;
  io_uring_sqe& entry = ring_->add();
  io_uring_prep_recv_multishot(&entry, fds_[index], nullptr, 0, 0);
  entry.ioprio = static_cast<uint16_t>(entry.ioprio | flags);
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = Uring::kGroup;
  io_uring_sqe_set_data64(&entry, name_of(index, Operation::Receive));
}

// Where all that was received has been read.
void UringLoop::resume_receiving(uint32_t index) {
  if ((state_of(index) & (kIsWatched | kReceives | kEnded | kFailed)) != kIsWatched) return;
  const UringActivity* activity = activity_of(index);
  if (activity == nullptr || !activity->has_bytes()) begin_receiving(index, 0);
}

void UringLoop::wait_for_room(uint32_t index) {
  uint32_t& state = state_of(index);
  if ((std::exchange(state, state | kWaitsForRoom) & kWaitsForRoom) != 0) return;
  if ((state & kIsWatched) == 0) return;
  io_uring_sqe& entry = ring_->add();
  io_uring_prep_poll_add(&entry, fds_[index], event::kWritable);
  io_uring_sqe_set_data64(&entry, name_of(index, Operation::Room));
}

// Told by a receive, but by none where none is under way.
void UringLoop::wait_for_hang_up(uint32_t index) {
  uint32_t& state = state_of(index);
  if ((state & kIsBroken) != 0) return;
  if ((std::exchange(state, state | kWaitsForHangUp) & kWaitsForHangUp) != 0) return;
  io_uring_sqe& entry = ring_->add();
  io_uring_prep_poll_multishot(&entry, fds_[index], event::kPeerClosed);
  io_uring_sqe_set_data64(&entry, name_of(index, Operation::HangUp));
}

// --- The end of a socket

// All of it is over when this returns: a copy of the descriptor can be read elsewhere.
bool UringLoop::release_socket(uint32_t index, int /*fd*/) {
  uint32_t& state = state_of(index);
  if ((state & kReceives) != 0) cancel(index, Operation::Receive);
  while ((state & kReceives) != 0) {
    ring_->enter(std::chrono::seconds(1));
    take_in();
  }
  const UringActivity* activity = activity_of(index);
  const bool has_send = activity != nullptr && activity->has_send();
  const bool has_bytes = activity != nullptr && activity->has_bytes();
  state &= ~kStops;
  if (has_send || has_bytes || (state & (kEnded | kFailed)) != 0) {
    resume_receiving(index);
    return false;
  }
  if ((state & kWaitsForRoom) != 0) cancel(index, Operation::Room);
  if ((state & kWaitsForHangUp) != 0) cancel(index, Operation::HangUp);
  end_activity(index);
  state = 0;
  return true;
}

// The bytes that are being sent are the caller's, and gone after this.
void UringLoop::end_socket(uint32_t index, UniqueFd fd) {
  uint32_t& state = state_of(index);
  if ((state & kIsWatched) == 0) return;  // no one but us: closed here
  if (is_sending(index)) {
    cancel(index, Operation::Send);
    while (is_sending(index)) {
      ring_->enter(std::chrono::seconds(1));
      take_in();
    }
  }
  if ((state & kReceives) != 0) cancel(index, Operation::Receive);
  if ((state & kWaitsForRoom) != 0) cancel(index, Operation::Room);
  if ((state & kWaitsForHangUp) != 0) cancel(index, Operation::HangUp);
  end_activity(index);
  io_uring_sqe& entry = ring_->add();
  io_uring_prep_close(&entry, fd.release());
  entry.flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(&entry, name_of(index, Operation::Ignored));
}

// --- What completes

bool UringLoop::await(Duration longest) {
  if (!ready_.empty() || !without_receive_.empty()) longest = Duration::zero();
  if (longest > Duration::zero() || ring_->has_work()) ring_->enter(longest);
  take_in();
  return !ready_.empty() || !without_receive_.empty();
}

void UringLoop::look(uint32_t index, int /*fd*/) {
  if ((state_of(index) & kIsWatched) == 0 || !ring_->has_work()) return;
  ring_->enter(Duration::zero());
  take_in();
}

void UringLoop::take_in() {
  ring_->take([this](const io_uring_cqe& cqe) { on_completion(cqe); });
}

void UringLoop::on_completion(const io_uring_cqe& cqe) {
  const uint64_t tag = cqe.user_data & ~kOperationMask;
  const auto index = static_cast<uint32_t>(tag);
  const auto operation = static_cast<Operation>((cqe.user_data & kOperationMask) >> kIndexBits);
  if (!is_current(tag)) {
    if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
      ring_->give_back(static_cast<uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT));
    }
    return;
  }
  switch (operation) {
    case Operation::Ignored:
      return;
    case Operation::Poll:
      if (cqe.res == -ECANCELED) return;
      ready_.push_back({tag, cqe.res <= 0 ? event::kBroken : static_cast<Events>(cqe.res),
                        (cqe.flags & IORING_CQE_F_MORE) == 0});
      return;
    case Operation::Receive:
      return on_received(index, cqe);
    case Operation::Send:
      return on_sent(index, cqe.res);
    case Operation::Room:
      state_of(index) &= ~kWaitsForRoom;
      return tell(index, event::kWritable);
    case Operation::HangUp:
      return on_hang_up(index, cqe);
  }
}

void UringLoop::on_received(uint32_t index, const io_uring_cqe& cqe) {
  uint32_t& state = state_of(index);
  const bool has_buffer = (cqe.flags & IORING_CQE_F_BUFFER) != 0;
  const auto buffer = static_cast<uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) {
    state &= ~(kReceives | kStops);
    without_receive_.push_back(tag_of(index));  // unless it is over, or nobody reads what is there
  }
  if (cqe.res > 0) {
    SH_ASSERT(has_buffer);
    need_activity(index).add_received(buffer, static_cast<uint32_t>(cqe.res));
    return tell(index, event::kReadable);
  }
  if (has_buffer) ring_->give_back(buffer);
  switch (-cqe.res) {
    case 0:
      state |= kEnded;
      return tell(index, event::kReadable | event::kPeerClosed);
    case ENOBUFS:
    case ECANCELED:
    case EAGAIN:
    case EINTR:
      return;
    default:
      state |= kFailed;
      return tell(index, event::kBroken);
  }
}

void UringLoop::on_sent(uint32_t index, int result) {
  if (result < 0 && result != -EAGAIN && result != -EINTR) end_unless_broken(fds_[index], -result);
  need_activity(index).on_sent(result);
  tell(index, event::kWritable);
}

void UringLoop::on_hang_up(uint32_t index, const io_uring_cqe& cqe) {
  uint32_t& state = state_of(index);
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) state &= ~kWaitsForHangUp;
  if (cqe.res < 0 || (state & kIsBroken) != 0) return;
  if ((static_cast<Events>(cqe.res) & event::kBroken) != 0) {
    state |= (state & kEnded) != 0 ? kIsBroken | kFailed : kIsBroken;
    tell(index, event::kBroken);
    resume_receiving(index);  // the kernel still has what came before it
  }
  // Begins anew, and sees the end.
  if ((state & (kReceives | kStops | kEnded)) != kReceives) return;
  state |= kStops;
  cancel(index, Operation::Receive);
}

void UringLoop::tell(uint32_t index, Events events) {
  if (need_activity(index).add_events(events)) ready_.push_back({tag_of(index), 0, false});
}

void UringLoop::dispatch_all() {
  is_dispatching_ = true;
  for (size_t i = 0; i < ready_.size(); ++i) {  // look() may add some
    const Ready ready = ready_[i];
    if (!is_current(ready.tag)) continue;
    if (ready.events == 0) {
      dispatch_socket(ready.tag);
    } else {
      dispatch_watch(ready);
    }
  }
  ready_.clear();
  is_dispatching_ = false;
  for (const uint64_t tag : without_receive_) {
    if (is_current(tag)) resume_receiving(static_cast<uint32_t>(tag));
  }
  without_receive_.clear();
}

void UringLoop::dispatch_watch(const Ready& ready) {
  dispatch(ready.tag, ready.events);
  if (!is_current(ready.tag)) return;
  const auto index = static_cast<uint32_t>(ready.tag);
  if (ready.has_ended) poll(index);
}

void UringLoop::dispatch_socket(uint64_t tag) {
  const auto index = static_cast<uint32_t>(tag);
  UringActivity* activity = activity_of(index);
  if (activity == nullptr || !activity->has_events()) return;  // it was released
  dispatch(tag, activity->take_events());
  if (!is_current(tag)) return;
  activity = activity_of(index);
  if (activity != nullptr && activity->holds_buffers()) put_aside(index);
  if (activity != nullptr && activity->is_over()) end_activity(index);
  const uint32_t state = state_of(index);
  if ((state & (kEnded | kStops)) != 0 && (state & kFailed) == 0) wait_for_hang_up(index);
}

// --- Activities

UringActivity* UringLoop::activity_of(uint32_t index) {
  const uint32_t place = state_of(index) >> kFlagBits;
  return place == 0 ? nullptr : &activities_.at(place - 1);
}

UringActivity& UringLoop::need_activity(uint32_t index) {
  if (UringActivity* activity = activity_of(index)) return *activity;
  const uint32_t place = activities_.take_place();
  state_of(index) |= (place + 1) << kFlagBits;
  return activities_.at(place);
}

void UringLoop::end_activity(uint32_t index) {
  UringActivity* activity = activity_of(index);
  if (activity == nullptr) return;
  activity->end(*ring_);
  uint32_t& state = state_of(index);
  activities_.leave_place((state >> kFlagBits) - 1);
  state &= (uint32_t{1} << kFlagBits) - 1;
}

// Nothing more is received until the watcher has read what it left.
void UringLoop::put_aside(uint32_t index) {
  activity_of(index)->put_aside(*ring_);
  uint32_t& state = state_of(index);
  if ((state & (kReceives | kStops)) != kReceives) return;
  state |= kStops;
  cancel(index, Operation::Receive);
}

// --- Receive

Outcome UringLoop::receive(uint32_t index, int fd, std::span<char> room) {
  const uint32_t state = state_of(index);
  if ((state & kIsWatched) == 0) return io::receive(fd, room);
  if (UringActivity* activity = activity_of(index); activity != nullptr && activity->has_bytes()) {
    const size_t taken = activity->take_bytes(*ring_, room);
    resume_receiving(index);
    return {State::Done, taken};
  }
  if ((state & kFailed) != 0) return {State::Failed, 0};
  return {(state & kEnded) != 0 ? State::Ended : State::Blocked, 0};
}

// --- Send

Outcome UringLoop::all_or_blocked(uint32_t index, Outcome outcome, size_t wanted) {
  if (outcome.state == State::Done && outcome.bytes < wanted) outcome.state = State::Blocked;
  if (outcome.state == State::Blocked) wait_for_room(index);
  return outcome;
}

// As UringActivity::take_sent(), of a socket that may have none.
Outcome UringLoop::take_sent(uint32_t index, size_t wanted) {
  UringActivity* activity = activity_of(index);
  if (activity == nullptr || !activity->has_send()) return {State::Blocked, 0};
  const Outcome outcome = activity->take_sent(wanted);
  if (activity->is_over()) end_activity(index);
  return outcome;
}

bool UringLoop::is_sending(uint32_t index) {
  const UringActivity* activity = activity_of(index);
  return activity != nullptr && activity->is_sending();
}

void UringLoop::begin_send(uint32_t index, std::string_view first, std::string_view second) {
  io_uring_sqe& entry = ring_->add();
  need_activity(index).begin_send(entry, fds_[index], first, second);
  io_uring_sqe_set_data64(&entry, name_of(index, Operation::Send));
}

Outcome UringLoop::send(uint32_t index, int fd, std::string_view bytes, Follows follows) {
  if ((state_of(index) & kIsWatched) == 0) {
    return all_or_blocked(index, io::send(fd, bytes, follows), bytes.size());
  }
  if (is_sending(index)) return {State::Blocked, 0};
  const Outcome before = take_sent(index, bytes.size());
  if (before.state != State::Blocked) return before;
  bytes.remove_prefix(before.bytes);
  // What follows is a file, which leaves by a system call.
  if (follows == Follows::More || !is_dispatching_) {
    Outcome now = all_or_blocked(index, io::send(fd, bytes, follows), bytes.size());
    now.bytes += before.bytes;
    return now;
  }
  begin_send(index, bytes, {});
  return before;
}

Outcome UringLoop::send_two(uint32_t index, int fd, std::string_view first,
                            std::string_view second) {
  const size_t wanted = first.size() + second.size();
  if ((state_of(index) & kIsWatched) == 0) {
    return all_or_blocked(index, io::send_two(fd, first, second), wanted);
  }
  if (is_sending(index)) return {State::Blocked, 0};
  const Outcome before = take_sent(index, wanted);
  if (before.state != State::Blocked) return before;
  const size_t of_first = std::min(before.bytes, first.size());
  first.remove_prefix(of_first);
  second.remove_prefix(before.bytes - of_first);
  if (!is_dispatching_) {
    Outcome now =
        all_or_blocked(index, io::send_two(fd, first, second), first.size() + second.size());
    now.bytes += before.bytes;
    return now;
  }
  if (first.empty()) std::swap(first, second);
  begin_send(index, first, second);
  return before;
}

Outcome UringLoop::send_file(uint32_t index, int fd, int file, uint64_t offset, uint64_t count) {
  if (is_sending(index)) return {State::Blocked, 0};
  return all_or_blocked(index, io::send_file(fd, file, offset, count), 0);
}

}  // namespace sockherd::io
