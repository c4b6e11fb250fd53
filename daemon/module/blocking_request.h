// BlockingRequest: a request on its way through the blocking pool, and back to its loop.
//
// Owned by the pool while it waits or runs, then by the inbox; the job (request_job.h) watches its
// time. Counts with atomic additions where its thread does: the page has another writer then.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "daemon/base/instant.h"
#include "daemon/module/blocking_pool.h"
#include "daemon/module/call.h"
#include "daemon/module/inbox.h"
#include "daemon/stats/page.h"
#include "daemon/worker/service.h"

namespace sockherd::module {

class Application;

class BlockingRequest final : public BlockingTask,
                              public std::enable_shared_from_this<BlockingRequest> {
 public:
  BlockingRequest(Application& application, std::shared_ptr<Call> call, std::shared_ptr<Wire> wire);

  void run() override;

  // When it began to run; nothing while it waits.
  std::optional<Instant> began_at() const;

  // Of one that was taken back from the pool.
  std::shared_ptr<Call> take_call() { return std::move(call_); }

 private:
  void finish();

  Application& application_;
  std::shared_ptr<Inbox> inbox_;
  std::shared_ptr<Call> call_;
  std::shared_ptr<Wire> wire_;
  std::string failure_;
  std::atomic<int64_t> began_at_{0};
};

// App::blocking().
class BlockingWork final : public BlockingTask, public std::enable_shared_from_this<BlockingWork> {
 public:
  BlockingWork(Application& application, app::Call work, app::Call done);
  void run() override;

 private:
  void finish();

  Application& application_;
  std::shared_ptr<Inbox> inbox_;
  app::Call work_;
  app::Call done_;
  std::string failure_;
};

// Counts from any thread.
void count_shared(worker::Service& service, stats::Count what);

}  // namespace sockherd::module
