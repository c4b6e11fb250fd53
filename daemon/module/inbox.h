// Inbox: calls for the thread of a loop, posted by any thread.
//
// Shared by the application, which ends it, and whoever may still post (blocking threads, handles
// that were let go of elsewhere): what is posted after the end is dropped.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"

namespace sockherd::module {

class Inbox {
 public:
  using Call = std::function<void()>;

  static Result<std::shared_ptr<Inbox>> create();

  // False: it has ended.
  bool post(Call call);

  // --- The loop's side.

  int fd() const { return event_.get(); }  // readable when something is there
  std::vector<Call> take();
  void end();

 private:
  explicit Inbox(UniqueFd event) : event_(std::move(event)) {}

  UniqueFd event_;
  std::mutex mutex_;
  std::vector<Call> calls_;
  bool has_ended_ = false;
};

}  // namespace sockherd::module
