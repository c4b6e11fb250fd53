#include "daemon/worker/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace sockherd::worker {

Result<std::unique_ptr<Mailbox>> Mailbox::create() {
  UniqueFd event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event) return errno_error("eventfd");
  return std::unique_ptr<Mailbox>(new Mailbox(std::move(event)));
}

void Mailbox::post(Order order) {
  {
    const std::lock_guard lock(mutex_);
    orders_.push_back(std::move(order));
  }
  [[maybe_unused]] const int rung = ::eventfd_write(event_.get(), 1);  // fails at 2^64 only
}

// The bell first: what is posted after it rings once more.
std::vector<Order> Mailbox::take() {
  eventfd_t rung = 0;
  [[maybe_unused]] const int heard = ::eventfd_read(event_.get(), &rung);  // fails where none has
  const std::lock_guard lock(mutex_);
  return std::exchange(orders_, {});
}

}  // namespace sockherd::worker
