#include "daemon/worker/control.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "daemon/base/log.h"

namespace sockherd::worker {
namespace {

using contract::Message;
using contract::Verb;

// Packets handled before others have their turn; the rest is reported again.
constexpr unsigned kPacketsPerTurn = 16;

Result<void> check_is_packet_socket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return errno_error("SO_TYPE");
  if (type != SOCK_SEQPACKET) return Error{EINVAL, "is no SOCK_SEQPACKET socket"};
  return {};
}

}  // namespace

Control::Control(Service& service, Acceptors& acceptors, UniqueFd socket,
                 std::function<void()> on_hang_up)
    : service_(service),
      acceptors_(acceptors),
      socket_(std::move(socket)),
      on_hang_up_(std::move(on_hang_up)) {}

Result<std::unique_ptr<Control>> Control::create(Service& service, Acceptors& acceptors,
                                                 UniqueFd socket,
                                                 std::function<void()> on_hang_up) {
  TRY(check_is_packet_socket(socket.get()));
  std::unique_ptr<Control> control(
      new Control(service, acceptors, std::move(socket), std::move(on_hang_up)));
  control->watch_ = TRY(service.loop.watch(control->socket_.get(), event::kReadable, *control));
  return control;
}

void Control::on_ready(Events /*events*/) {
  for (unsigned i = 0; i < kPacketsPerTurn; ++i) {
    sys::Packet packet = sys::receive_packet(socket_.get());
    switch (packet.state) {
      case sys::PacketState::None:
        return;
      case sys::PacketState::HungUp:
        return hang_up();
      case sys::PacketState::Failed:
        complain("the packet was too long, or its descriptor could not be taken");
        break;
      case sys::PacketState::Packet:
        handle(std::move(packet));
        break;
    }
  }
}

void Control::hang_up() {
  watch_.end();
  socket_.reset();
  on_hang_up_();
}

void Control::handle(sys::Packet packet) {
  if (service_.phase == ServicePhase::Draining) return;  // closes a descriptor that came along
  const auto message = contract::parse(packet.bytes);
  if (!message) return complain("a packet that is no message");
  const Result<void> done = obey(*message, std::move(packet.fd));
  if (!done.ok()) complain(done.error().what);
}

Result<void> Control::obey(const Message& message, UniqueFd fd) {
  const Place place{message.listener, message.slot};
  const bool needs_socket = message.verb == Verb::Take || message.verb == Verb::Empty;
  if (needs_socket && !fd) return Error{EINVAL, "no socket came with it"};
  switch (message.verb) {
    case Verb::Take:
      TRY(acceptors_.take(place, std::move(fd)));
      answer(Verb::Taken, place);
      return {};
    case Verb::Drop:
      acceptors_.drop(place);
      answer(Verb::Dropped, place);
      return {};
    case Verb::Empty:
      return acceptors_.empty(place, std::move(fd),
                              [this](const Place& emptied) { answer(Verb::Emptied, emptied); });
    case Verb::Taken:
    case Verb::Dropped:
    case Verb::Emptied:
      break;
  }
  return Error{EINVAL, "an answer where an order is expected"};
}

void Control::answer(Verb verb, const Place& place) {
  if (!socket_) return;
  const Message message{.verb = verb, .listener = place.listener, .slot = place.slot};
  const Result<void> sent = sys::send_packet(socket_.get(), contract::encode(message));
  if (sent.ok() || sent.error().code == EPIPE) return;  // the hang-up is to be read next
  complain("answer: " + sent.error().what);
}

void Control::complain(std::string_view why) {
  if (std::exchange(has_complained_, true)) return;
  log::warn("control-failed", {{"error", why}, {"further", "not logged"}});
}

}  // namespace sockherd::worker
