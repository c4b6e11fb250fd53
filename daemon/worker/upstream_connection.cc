#include "daemon/worker/upstream_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sockherd::worker {
namespace {

constexpr Instant kNever{Duration::max()};

int error_of(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace

UpstreamConnection::UpstreamConnection(io::Loop& loop, uint32_t tenant, UpstreamUser& user)
    : loop_(loop), user_(&user), tenant_(tenant) {}

UpstreamConnection::~UpstreamConnection() = default;

Result<std::unique_ptr<UpstreamConnection>> UpstreamConnection::open(io::Loop& loop,
                                                                     std::string_view address,
                                                                     uint32_t tenant,
                                                                     UpstreamUser& user) {
  std::unique_ptr<UpstreamConnection> made(new UpstreamConnection(loop, tenant, user));
  const int error = made->begin(address);
  if (error != 0) return Error{error, "connect"};
  return made;
}

std::unique_ptr<UpstreamConnection> UpstreamConnection::adopt(io::Loop& loop, UniqueFd fd,
                                                              uint32_t tenant, UpstreamUser& user) {
  std::unique_ptr<UpstreamConnection> made(new UpstreamConnection(loop, tenant, user));
  made->connecting_ = std::move(fd);
  if (made->come_up() != 0) return nullptr;
  return made;
}

// What is refused at once, as on AF_UNIX, is an error here. EAGAIN is one too: it comes from
// AF_UNIX only, where nothing tells when the queue of the listener has room.
int UpstreamConnection::begin(std::string_view address) {
  sockaddr_storage target{};
  if (address.size() < sizeof target.ss_family || address.size() > sizeof target) return EINVAL;
  std::memcpy(&target, address.data(), address.size());
  const bool is_tcp = target.ss_family == AF_INET || target.ss_family == AF_INET6;
  connecting_ = UniqueFd(::socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!connecting_) return errno;
  const int on = 1;
  if (is_tcp) ::setsockopt(connecting_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(connecting_.get(), reinterpret_cast<const sockaddr*>(&target),
                static_cast<socklen_t>(address.size())) == 0) {
    return come_up();
  }
  if (errno != EINPROGRESS) return errno;
  auto watch = loop_.watch(connecting_.get(), io::event::kWritable, *this);
  if (!watch.ok()) return watch.error().code;
  connecting_watch_ = std::move(watch).value();
  return 0;
}

int UpstreamConnection::come_up() {
  connecting_watch_.end();
  socket_.emplace(loop_, std::move(connecting_));
  if (socket_->watch(*this)) return 0;
  socket_.reset();
  return ENOMEM;
}

void UpstreamConnection::on_connected() {
  int error = error_of(connecting_.get());
  if (error == 0) error = come_up();
  if (error == 0) return user_->on_upstream_connected(*this);
  user_->on_upstream_refused(*this, error);
}

void UpstreamConnection::on_ready(io::Events events) {
  if (!is_up()) return on_connected();
  user_->on_upstream(*this, events);
}

void UpstreamConnection::set_deadline(Instant at) {
  deadline_ = at;
  if (at == kNever || (is_armed() && fires_by(at))) return;
  loop_.timers().arm(*this, at);
}

void UpstreamConnection::on_due(Instant now) {
  if (now < deadline_) return set_deadline(deadline_);
  user_->on_upstream_due(*this, now);
}

}  // namespace sockherd::worker
