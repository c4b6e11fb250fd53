#include "admin/load/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>

#include <cerrno>

#include "daemon/base/assert.h"

namespace sockherd::load {

namespace {

constexpr size_t kRoom = size_t{256} * 1024;

uint64_t seed() {
  uint64_t drawn = 0;
  // Short only for what the kernel has not seeded yet, at boot.
  return ::getrandom(&drawn, sizeof drawn, 0) == sizeof drawn ? drawn : 1;
}

}  // namespace

websocket::Receiver::Terms receiver_terms(const Plan& plan) {
  return {websocket::Role::Client,
          plan.deflate ? websocket::Extension::Deflate : websocket::Extension::None,
          plan.max_message_bytes};
}

Setting::Setting(const Plan& p, io::Loop& l, Tally& t, Owner& o)
    : plan(p),
      loop(l),
      tally(t),
      owner(o),
      room(kRoom),
      receiver(receiver_terms(p)),
      random_(seed()) {}

uint64_t Setting::next_random() {
  random_ += 0x9e3779b97f4a7c15U;
  uint64_t mixed = random_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
  return mixed ^ (mixed >> 31);
}

// Returns a socket that connects, or none and errno.
UniqueFd Connection::make_socket() {
  const sys::SocketAddress& address = setting_.plan.address;
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  const int on = 1;
  if (!address.is_unix()) ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!setting_.plan.sources.bind(fd.get(), number_).ok()) return {};
  if (::connect(fd.get(), address.get(), address.size()) != 0 && errno != EINPROGRESS) return {};
  return fd;
}

void Connection::open(Instant now) {
  SH_ASSERT(is_closed());
  setting_.tally.add(Count::Attempts);
  state_ = State::Connecting;
  since_ = now;
  UniqueFd fd = make_socket();
  if (!fd) return fail(failure_of(errno));
  socket_.emplace(setting_.loop, std::move(fd));
  if (!socket_->watch(*this)) return fail(Failure::NoMemory);
  // Asks for kWritable, which says that it is connected; on loopback it may have failed by now.
  if (socket_->send("").state == io::State::Failed) fail(failure_of(errno));
}

void Connection::send(Instant due, Instant now) {
  SH_ASSERT(is_open() && owed_ < setting_.plan.depth);
  if (setting_.plan.task != Task::Listen) {
    if (owed_ == 0) since_ = now;
    due_at(owed_) = due;
    ++owed_;
  }
  setting_.tally.add(Count::Sent);
  write_message(due);
}

Instant& Connection::due_at(unsigned place) {
  const uint32_t depth = setting_.plan.depth;
  if (depth == 1) return due_;
  if (!dues_) dues_ = std::make_unique<Instant[]>(depth);
  return dues_[(first_ + place) % depth];
}

Instant Connection::settle(Instant now) {
  SH_ASSERT(owed_ > 0);
  const Instant due = due_at(0);
  first_ = static_cast<uint16_t>((first_ + 1U) % setting_.plan.depth);
  --owed_;
  since_ = now;
  return due;
}

void Connection::close() {
  socket_.reset();
  state_ = State::Closed;
  owed_ = 0;
  on_closed();
}

void Connection::fail(Failure failure) {
  const Loss loss{failure, owed_, is_opening()};
  close();
  setting_.owner.on_failed(*this, loss);
}

void Connection::end() {
  if (owed_ > 0 || is_opening()) return fail(Failure::Closed);
  close();
  setting_.owner.on_ended(*this);
}

void Connection::set_open(Instant now) {
  state_ = State::Open;
  setting_.tally.add(Count::Opened);
  setting_.tally.connects.record(static_cast<uint64_t>((now - since_).count()));
  setting_.owner.on_opened(*this);
}

void Connection::check_time(Instant now) {
  const bool waits = is_opening() || owed_ > 0 || state_ == State::Closing;
  if (!waits || now - since_ < setting_.plan.timeout) return;
  fail(is_opening() ? Failure::ConnectTimeout : Failure::AnswerTimeout);
}

io::Outcome Connection::put(std::string_view bytes) {
  const io::Outcome outcome = socket_->send(bytes);
  setting_.tally.add(Count::BytesSent, outcome.bytes);
  return outcome;
}

bool Connection::finish_connecting(io::Events events) {
  if ((events & (io::event::kWritable | io::event::kBroken)) == 0) return false;
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(socket_->fd(), SOL_SOCKET, SO_ERROR, &code, &size);
  if (code != 0) {
    fail(failure_of(code));
    return false;
  }
  on_connected();
  return !is_closed();
}

void Connection::receive(io::Events events) {
  const bool to_the_end = (events & (io::event::kPeerClosed | io::event::kBroken)) != 0;
  for (;;) {
    const io::Outcome outcome = socket_->receive(setting_.room);
    switch (outcome.state) {
      case io::State::Blocked:
        return;
      case io::State::Ended:
        return on_end();
      case io::State::Failed:
        return fail(failure_of(errno));
      case io::State::Done:
        break;
    }
    setting_.tally.add(Count::BytesReceived, outcome.bytes);
    if (!take(std::span(setting_.room).first(outcome.bytes))) return;
    if (!to_the_end && outcome.bytes < setting_.room.size()) return;
  }
}

void Connection::on_ready(io::Events events) {
  if (state_ == State::Connecting && !finish_connecting(events)) return;
  constexpr io::Events kToRead = io::event::kReadable | io::event::kPeerClosed | io::event::kBroken;
  if ((events & kToRead) != 0) receive(events);
  if (socket_ && (events & io::event::kWritable) != 0) flush();
}

}  // namespace sockherd::load
