#include "daemon/sys/thread.h"

#include <memory>

namespace sockherd::sys {
namespace {

void* run(void* body) {
  const std::unique_ptr<std::function<void()>> owned(static_cast<std::function<void()>*>(body));
  (*owned)();
  return nullptr;
}

}  // namespace

Result<Thread> Thread::start(const std::string& name, std::function<void()> body) {
  auto owned = std::make_unique<std::function<void()>>(std::move(body));
  Thread thread;
  pthread_t handle{};
  if (const int code = ::pthread_create(&handle, nullptr, run, owned.get()); code != 0) {
    return errno_error("pthread_create", code);
  }
  [[maybe_unused]] const auto* theirs = owned.release();
  thread.handle_ = handle;
  ::pthread_setname_np(handle,
                       name.c_str());  // fails for a name that is too long: then it has ours
  return thread;
}

void Thread::join() {
  if (handle_) ::pthread_join(*std::exchange(handle_, std::nullopt), nullptr);
}

}  // namespace sockherd::sys
