#include "daemon/module/inbox.h"

#include <sys/eventfd.h>

#include <utility>

namespace sockherd::module {

Result<std::shared_ptr<Inbox>> Inbox::create() {
  UniqueFd event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event) return errno_error("eventfd");
  return std::shared_ptr<Inbox>(new Inbox(std::move(event)));
}

bool Inbox::post(Call call) {
  const std::lock_guard lock(mutex_);
  if (has_ended_) return false;
  calls_.push_back(std::move(call));
  if (calls_.size() == 1) {
    [[maybe_unused]] const int rung = ::eventfd_write(event_.get(), 1);
  }
  return true;
}

std::vector<Inbox::Call> Inbox::take() {
  const std::lock_guard lock(mutex_);
  eventfd_t rung = 0;
  [[maybe_unused]] const int heard = ::eventfd_read(event_.get(), &rung);  // fails where none has
  return std::exchange(calls_, {});
}

void Inbox::end() {
  std::vector<Call> dropped;  // behind the lock: what a call holds may post
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
    dropped.swap(calls_);
  }
}

}  // namespace sockherd::module
