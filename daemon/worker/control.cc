#include "daemon/worker/control.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/worker/connection.h"

namespace sockherd::worker {
namespace {

using contract::Message;
using contract::Verb;

// Packets handled before others have their turn; the rest is reported again.
constexpr unsigned kPacketsPerTurn = 16;

// More than the socket holds.
constexpr unsigned kMostAtOnce = 1024;

bool is_about_connections(Verb verb) {
  return verb == Verb::Move || verb == Verb::Adopt || verb == Verb::Keep;
}

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
      on_hang_up_(std::move(on_hang_up)),
      giver_(service, socket_.get()) {}

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
  for (unsigned i = 0; i < kPacketsPerTurn && read_packet(); ++i) continue;
}

void Control::catch_up() {
  for (unsigned i = 0; i < kMostAtOnce && socket_ && read_packet(); ++i) continue;
}

// Returns whether there may be more.
bool Control::read_packet() {
  sys::Packet packet = sys::receive_packet(socket_.get());
  switch (packet.state) {
    case sys::PacketState::None:
      return false;
    case sys::PacketState::HungUp:
      hang_up();
      return false;
    case sys::PacketState::Failed:
      complain("the packet was too long, or its descriptor could not be taken");
      return true;
    case sys::PacketState::Packet:
      handle(std::move(packet));
      return true;
  }
  return false;
}

bool Control::is_busy() const {
  if (!socket_) return false;
  pollfd entry{socket_.get(), POLLIN, 0};
  return giver_.is_under_way() || ::poll(&entry, 1, 0) == 1;
}

void Control::hang_up() {
  giver_.end();
  watch_.end();
  socket_.reset();
  on_hang_up_();
}

void Control::handle(sys::Packet packet) {
  const auto message = contract::parse(packet.bytes);
  const bool is_draining = service_.phase == ServicePhase::Draining;
  // Closes a descriptor that came along.
  if (is_draining && (!message || !is_about_connections(message->verb))) return;
  if (!message) return complain("a packet that is no message");
  const Result<void> done = obey(*message, std::move(packet.fd));
  if (!done.ok()) complain(done.error().what);
}

Result<void> Control::obey(const Message& message, UniqueFd fd) {
  const Place place{message.listener, message.slot};
  const bool needs_socket =
      message.verb == Verb::Take || message.verb == Verb::Empty || message.verb == Verb::Adopt;
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
    case Verb::Move:
      giver_.begin();
      return {};
    case Verb::Adopt:
      adopt(place, std::move(fd));
      return {};
    case Verb::Keep:
      giver_.end();
      return {};
    case Verb::Taken:
    case Verb::Dropped:
    case Verb::Emptied:
    case Verb::Give:
      break;
  }
  return Error{EINVAL, "an answer where an order is expected"};
}

// In a drain it is one that we gave, and that nobody else takes: it stays.
void Control::adopt(const Place& place, UniqueFd fd) {
  const bool may_leave = service_.phase == ServicePhase::Serving;
  Connection::adopt(service_, std::move(fd), may_leave ? service_.remember(place) : nullptr);
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
