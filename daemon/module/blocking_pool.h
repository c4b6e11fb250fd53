// BlockingPool: the threads of a worker on which handlers may wait, and the queue in front of them.
//
// One a worker, shared by its lanes. Bounded in threads and in what waits; a thread is started when
// a task finds none free, so a worker without blocking handlers has none. A task that still waits
// can be taken back by whoever put it there (queue_timeout, a client that has gone); one that runs
// runs to its end. Knows nothing of requests.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "daemon/sys/thread.h"

namespace sockherd::module {

class BlockingPool;

class BlockingTask {
 public:
  virtual ~BlockingTask() = default;

  // In a thread of the pool; throws nothing.
  virtual void run() = 0;

 private:
  friend class BlockingPool;
  std::list<std::shared_ptr<BlockingTask>>::iterator place_;
  bool waits_ = false;
};

class BlockingPool {
 public:
  struct Settings {
    size_t threads = 8;
    size_t depth = 1024;  // of the queue
  };
  enum class Submitted : uint8_t { Queued, Full };

  explicit BlockingPool(const Settings& settings) : settings_(settings) {}
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  // Drops what waits, and waits for what runs.
  ~BlockingPool();

  Submitted submit(std::shared_ptr<BlockingTask> task);

  // Whether it still waited; then it will not run.
  bool take_back(BlockingTask& task);

  bool is_busy() const;

 private:
  void serve();
  void start_thread();

  const Settings settings_;
  mutable std::mutex mutex_;
  std::condition_variable news_;
  std::list<std::shared_ptr<BlockingTask>> queue_;
  size_t running_ = 0;
  size_t idle_ = 0;
  bool ends_ = false;
  std::vector<sys::Thread> threads_;
};

}  // namespace sockherd::module
