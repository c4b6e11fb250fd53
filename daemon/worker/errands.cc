#include "daemon/worker/errands.h"

#include <cerrno>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/sys/packet_socket.h"
#include "daemon/worker/connection.h"

namespace sockherd::worker {
namespace {

using contract::Message;
using contract::Verb;

bool is_about_connections(Verb verb) {
  return verb == Verb::Move || verb == Verb::Adopt || verb == Verb::Keep;
}

}  // namespace

void Errands::run(const Message& message, UniqueFd fd) {
  // Closes a descriptor that came along.
  if (service_.phase == ServicePhase::Draining && !is_about_connections(message.verb)) return;
  const Result<void> done = obey(message, std::move(fd));
  if (!done.ok()) complain(done.error().what);
}

void Errands::hang_up() {
  has_hung_up_ = true;
  giver_.end();
}

Result<void> Errands::obey(const Message& message, UniqueFd fd) {
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
    case Verb::Reopen:  // these two are the worker's (control.h)
    case Verb::Drain:
      break;
  }
  return Error{EINVAL, "an answer where an order is expected"};
}

// In a drain it is one that we gave, and that nobody else takes: it stays.
void Errands::adopt(const Place& place, UniqueFd fd) {
  const bool may_leave = service_.phase == ServicePhase::Serving;
  Connection::adopt(service_, std::move(fd), may_leave ? service_.remember(place) : nullptr);
}

void Errands::answer(Verb verb, const Place& place) {
  if (has_hung_up_) return;
  const Message message{.verb = verb, .listener = place.listener, .slot = place.slot};
  const Result<void> sent = sys::send_packet(control_, contract::encode(message));
  if (sent.ok() || sent.error().code == EPIPE) return;  // the hang-up is to be read next
  complain("answer: " + sent.error().what);
}

void Errands::complain(std::string_view why) {
  if (std::exchange(has_complained_, true)) return;
  log::warn("control-failed", {{"error", why}, {"further", "not logged"}});
}

}  // namespace sockherd::worker
