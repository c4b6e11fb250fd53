#include "daemon/worker/acceptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "daemon/io/transfer.h"
#include "daemon/worker/access_log.h"
#include "daemon/worker/connection.h"

namespace sockherd::worker {
namespace {

using stats::Count;

constexpr unsigned kBudget = 64;
constexpr unsigned kSharedBudget = 4;  // leaves some to the others that were not woken
constexpr unsigned kMostAtFinish = 8192;

// Refused connections that may linger beside max_connections; more are closed at once.
constexpr size_t kRefusedAtOnce = 64;
constexpr Duration kPause = std::chrono::milliseconds(100);

UniqueFd open_spare() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

// Best effort for a connection that there is no room for: reads what is there, so that closing does
// not reset it before the client has read the answer.
void refuse_and_close(Service& service, UniqueFd fd) {
  constexpr std::string_view kAnswer =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
      "Connection: close\r\n\r\n";
  service.counters.add(Count::ConnectionsRefused);
  std::array<char, 4096> discarded;
  const size_t came = io::receive(fd.get(), discarded).bytes;
  io::send(fd.get(), kAnswer);
  io::shut_down_sending(fd.get());
  if (service.access_log == nullptr) return;
  service.access_log->log_refused(fd.get(), {discarded.data(), came}, 503);
}

// The flag belongs to the open file, which others hold too and can change.
bool set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

Result<int> socket_option(int fd, int option, const char* name) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0) return errno_error(name);
  return value;
}

sys::SlotLoad* load_of(const Service& service, const Place& place) {
  const auto table = service.loads.find(place.listener);
  if (table == service.loads.end() || place.slot >= sys::LoadTable::kSlots) return nullptr;
  return &table->second.slots()[place.slot];
}

}  // namespace

Acceptor::Acceptor(Service& service, Place place, UniqueFd listener, OnEmptied on_emptied)
    : service_(service),
      place_(std::move(place)),
      origin_(service.remember(place_)),
      listener_(std::move(listener)),
      on_emptied_(std::move(on_emptied)),
      spare_(open_spare()),
      budget_(kBudget),
      is_serving_(!on_emptied_) {}

Result<std::unique_ptr<Acceptor>> Acceptor::create(Service& service, Place place, UniqueFd listener,
                                                   OnEmptied on_emptied) {
  const int fd = listener.get();
  if (TRY(socket_option(fd, SO_ACCEPTCONN, "SO_ACCEPTCONN")) == 0) {
    return Error{EINVAL, "is a socket that does not listen"};
  }
  const bool is_shared = TRY(socket_option(fd, SO_DOMAIN, "SO_DOMAIN")) == AF_UNIX;
  if (!set_nonblocking(fd)) return errno_error("O_NONBLOCK");
  if (!is_shared) {  // accepted sockets inherit it; an answer is one send, so nothing is to be held
    const int on = 1;
    if (::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
      return errno_error("TCP_NODELAY");
    }
  }
  std::unique_ptr<Acceptor> acceptor(
      new Acceptor(service, std::move(place), std::move(listener), std::move(on_emptied)));
  acceptor->load_ = load_of(service, acceptor->place_);
  if (is_shared) {
    acceptor->events_ |= io::event::kOneOfMany;
    acceptor->budget_ = kSharedBudget;
  }
  TRY(acceptor->resume());
  return acceptor;
}

// Whoever serves the slot next begins with an empty hand.
Acceptor::~Acceptor() {
  if (load_ == nullptr) return;
  load_->accepted.fetch_add(unpublished_, std::memory_order_relaxed);
  if (is_serving_) load_->open.store(0, std::memory_order_relaxed);
}

// Stored again in every turn: a predecessor in this slot may have left its own number there.
void Acceptor::publish_load() {
  if (load_ == nullptr) return;
  // All of the worker's, whichever socket they came from: that is how busy it is. Not where it only
  // empties a queue, since what comes there later is not for it.
  if (is_serving_) load_->open.store(service_.connections.size(), std::memory_order_relaxed);
  if (unpublished_ == 0) return;
  load_->accepted.fetch_add(std::exchange(unpublished_, 0), std::memory_order_release);
}

Result<void> Acceptor::resume() {
  watch_ = TRY(service_.loop.watch(listener_.get(), events_, *this));
  if (on_emptied_) watch_.call_again(io::event::kReadable);  // no event says that nothing waits
  return {};
}

void Acceptor::on_ready(io::Events /*events*/) {
  Outcome outcome = Outcome::Accepted;
  for (unsigned i = 0; i < budget_ && outcome == Outcome::Accepted; ++i) outcome = accept_one();
  if (!on_emptied_) return;
  if (outcome == Outcome::Accepted) watch_.call_again(io::event::kReadable);
  if (outcome == Outcome::Empty) std::exchange(on_emptied_, {})(*this);  // may destroy us
}

void Acceptor::on_due(Instant /*now*/) {
  if (!resume().ok()) pause();
}

Acceptor::Outcome Acceptor::pause() {
  watch_.end();
  service_.loop.timers().arm(*this, service_.loop.now() + kPause);
  return Outcome::Paused;
}

// With the client's address where it is logged: of one that has reset the connection since, nobody
// can be asked for it.
UniqueFd Acceptor::accept_connection() {
  constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (service_.access_log == nullptr) {
    return UniqueFd(::accept4(listener_.get(), nullptr, nullptr, kFlags));
  }
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  UniqueFd fd(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size, kFlags));
  if (fd) service_.access_log->know(fd.get(), ClientAddress::from(address));
  return fd;
}

Acceptor::Outcome Acceptor::accept_one() {
  UniqueFd fd = accept_connection();
  if (fd) {
    ++unpublished_;
    take(std::move(fd));
    return Outcome::Accepted;
  }
  if (errno == EAGAIN) return Outcome::Empty;
  service_.counters.add(Count::AcceptErrors);
  switch (errno) {
    case EMFILE:
    case ENFILE:
      return accept_with_spare();
    case ENOBUFS:
    case ENOMEM:
    case EPERM:  // a filter or a security module: it stays in the queue
    case EACCES:
    case EINVAL:  // somebody has shut the listener down
      return pause();
    default:  // an error of the connection that was to be accepted: accept(2), "Error handling"
      return Outcome::Accepted;
  }
}

Acceptor::Outcome Acceptor::accept_with_spare() {
  if (!spare_) spare_ = open_spare();
  if (!spare_) return pause();
  spare_.reset();
  UniqueFd fd = accept_connection();
  const bool is_empty = !fd && errno == EAGAIN;  // accept(2) looks for a number before it looks
  if (fd) {
    ++unpublished_;
    refuse_and_close(service_, std::move(fd));
  }
  spare_ = open_spare();
  if (is_empty) return Outcome::Empty;
  return spare_ ? Outcome::Accepted : pause();
}

void Acceptor::take(UniqueFd fd) {
  const size_t open = service_.connections.size();
  if (open < service_.limits.max_connections) {
    Connection::start(service_, std::move(fd), origin_);
  } else if (open < service_.limits.max_connections + kRefusedAtOnce) {
    Connection::refuse(service_, std::move(fd));
  } else {
    refuse_and_close(service_, std::move(fd));
  }
}

void Acceptor::finish() {
  set_nonblocking(listener_.get());  // here the queue is emptied to its end: it must not block
  for (unsigned i = 0; i < kMostAtFinish; ++i) {
    if (service_.connections.size() >= service_.limits.max_connections) break;
    if (accept_one() != Outcome::Accepted) break;
  }
  cancel();
  watch_.end();
  listener_.reset();
}

}  // namespace sockherd::worker
