#include "daemon/supervisor/bind_keeper.h"

#include <sys/epoll.h>

#include <algorithm>

#include "daemon/sys/listen_socket.h"

namespace sockherd::supervisor {

Result<std::unique_ptr<BindKeeper>> BindKeeper::create(sd_event* loop, UniqueFd report,
                                                       Callbacks callbacks) {
  std::unique_ptr<BindKeeper> keeper(new BindKeeper(std::move(callbacks)));
  BindKeeper* self = keeper.get();
  self->report_ = std::move(report);
  self->watch_ =
      TRY(Watch::on_readable(loop, self->report_.get(), [self, loop] { self->read_report(loop); }));
  return keeper;
}

Result<std::unique_ptr<BindKeeper>> BindKeeper::adopt(sd_event* loop, UniqueFd listener,
                                                      Callbacks callbacks) {
  std::unique_ptr<BindKeeper> keeper(new BindKeeper(std::move(callbacks)));
  TRY(keeper->watch(loop, std::move(listener)));
  return keeper;
}

Result<void> BindKeeper::watch(sd_event* loop, UniqueFd listener) {
  listener_ = std::move(listener);
  watch_ = TRY(Watch::on_readable(loop, listener_.get(), [this] { read_call(); }));
  return {};
}

void BindKeeper::read_report(sd_event* loop) {
  auto received = sys::receive_bind_watch(report_.get());
  if (received.ok() && !received.value()) return;
  watch_.reset();
  report_.reset();
  // One that has ended already is reported otherwise.
  if (!received.ok() && received.error().code == ECONNRESET) return;
  if (!received.ok()) return callbacks_.refused(received.error());
  if (auto watched = watch(loop, std::move(received).value()); !watched) {
    listener_.reset();  // binding fails from now on, and so does the worker
    return callbacks_.missed(watched.error());
  }
  callbacks_.watching(listener_.get());
}

void BindKeeper::read_call() {
  const auto call = sys::receive_call(listener_.get());
  if (!call) {  // of a caller that was killed meanwhile; or all have ended, and hung up
    if (sys::is_hung_up(listener_.get())) watch_.reset();
    return;
  }
  if (take(*call)) {
    sys::answer_done(listener_.get(), *call);
  } else {
    sys::go_on(listener_.get(), *call);
  }
}

bool BindKeeper::take(const sys::HeldCall& call) {
  const bool is_bind = call.kind == sys::HeldCall::Kind::Bind;
  const auto taken = is_bind ? take_bind(call) : take_listen(call);
  if (taken.ok()) return taken.value();
  // Of one that has ended nobody wants to know.
  if (sys::is_waiting(listener_.get(), call)) callbacks_.missed(taken.error());
  return false;
}

Result<bool> BindKeeper::take_bind(const sys::HeldCall& call) {
  const auto wanted = TRY(sys::address_of(call));
  if (!wanted) return false;
  for (const Offer& offer : callbacks_.offers()) {
    if (!sys::means_listener(*wanted, offer.address)) continue;
    const sys::HeldSocket socket = TRY(sys::socket_of(call));
    if (!socket.is_tcp || !sys::is_waiting(listener_.get(), call)) return false;
    if (!offer.is_in_use) {
      TRY(socket.is_nonblocking ? sys::make_nonblocking(offer.socket)
                                : sys::make_blocking(offer.socket));
    }
    TRY(sys::replace_descriptor(listener_.get(), call, offer.socket, socket.is_cloexec));
    ++replaced_;
    return true;
  }
  return false;
}

// It listens already, with the backlog of the listener.
Result<bool> BindKeeper::take_listen(const sys::HeldCall& call) {
  const sys::HeldSocket socket = TRY(sys::socket_of(call));
  const std::vector<Offer> offers = callbacks_.offers();
  const bool is_ours = std::any_of(offers.begin(), offers.end(), [&socket](const Offer& offer) {
    return socket.inode != 0 && sys::inode_of(offer.socket) == socket.inode;
  });
  if (!is_ours || !sys::is_waiting(listener_.get(), call)) return false;
  callbacks_.listening();
  return true;
}

}  // namespace sockherd::supervisor
