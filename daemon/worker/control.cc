#include "daemon/worker/control.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "daemon/worker/access_log.h"

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

Control::Control(Service& service, Acceptors& acceptors, UniqueFd socket, Calls calls)
    : service_(service),
      socket_(std::move(socket)),
      calls_(std::move(calls)),
      errands_(service, acceptors, socket_.get()) {}

Result<std::unique_ptr<Control>> Control::create(Service& service, Acceptors& acceptors,
                                                 UniqueFd socket, Calls calls) {
  TRY(check_is_packet_socket(socket.get()));
  std::unique_ptr<Control> control(
      new Control(service, acceptors, std::move(socket), std::move(calls)));
  control->watch_ = TRY(service.loop.watch(control->socket_.get(), io::event::kReadable, *control));
  return control;
}

void Control::share_with(Crew& crew, std::map<Place, size_t> lanes) {
  crew_ = &crew;
  lanes_ = std::move(lanes);
}

void Control::on_ready(io::Events /*events*/) {
  for (unsigned i = 0; i < kPacketsPerTurn && read_packet(); ++i) continue;
}

void Control::catch_up() {
  for (unsigned i = 0; i < kMostAtOnce && !has_hung_up_ && read_packet(); ++i) continue;
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
      errands_.complain("the packet was too long, or its descriptor could not be taken");
      return true;
    case sys::PacketState::Packet:
      handle(std::move(packet));
      return true;
  }
  return false;
}

bool Control::is_busy() const {
  if (has_hung_up_) return false;
  pollfd entry{socket_.get(), POLLIN, 0};
  const bool has_given = errands_.giver().has_given() || (crew_ != nullptr && crew_->has_given());
  return (has_given && errands_.giver().has_unread()) || ::poll(&entry, 1, 0) == 1;
}

// The socket stays open: other threads may be about to say something, and get an error.
void Control::hang_up() {
  has_hung_up_ = true;
  errands_.hang_up();
  if (crew_ != nullptr) crew_->post_to_all(Order::Kind::HangUp);
  watch_.end();
  calls_.on_hang_up();
}

void Control::handle(sys::Packet packet) {
  const auto message = contract::parse(packet.bytes);
  if (message && message->verb == Verb::Reopen) {  // one log for all threads, also in a drain
    if (service_.access_log != nullptr) service_.access_log->reopen();
    return;
  }
  // Closes a descriptor that came along.
  const bool is_draining = service_.phase == ServicePhase::Draining;
  if (is_draining && (!message || !is_about_connections(message->verb))) return;
  if (!message) return errands_.complain("a packet that is no message");
  if (message->verb == Verb::Drain) return calls_.on_drain();
  const bool is_for_all = message->verb == Verb::Move || message->verb == Verb::Keep;
  if (crew_ != nullptr && is_for_all) crew_->post_to_all(*message);
  const size_t lane = crew_ == nullptr || is_for_all ? 0 : lane_for(*message);
  if (lane == 0) return errands_.run(*message, std::move(packet.fd));
  crew_->post(lane - 1, {.message = *message, .fd = std::move(packet.fd)});
}

// A place has one loop; what comes from elsewhere is spread.
size_t Control::lane_for(const Message& message) {
  const Place place{message.listener, message.slot};
  const auto known = lanes_.find(place);
  if (message.verb == Verb::Drop) {
    if (known == lanes_.end()) return 0;
    const size_t lane = known->second;
    lanes_.erase(known);
    return lane;
  }
  if (known != lanes_.end() && message.verb != Verb::Empty) return known->second;
  const size_t lane = turn_++ % (crew_->size() + 1);
  if (message.verb == Verb::Take) lanes_[place] = lane;
  return lane;
}

}  // namespace sockherd::worker
