#include "daemon/module/blocking_pool.h"

#include <string>
#include <utility>

namespace sockherd::module {

BlockingPool::~BlockingPool() {
  std::list<std::shared_ptr<BlockingTask>> dropped;
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
    for (const auto& task : queue_) task->waits_ = false;
    dropped.swap(queue_);
  }
  news_.notify_all();
  threads_.clear();
}

BlockingPool::Submitted BlockingPool::submit(std::shared_ptr<BlockingTask> task) {
  {
    const std::lock_guard lock(mutex_);
    // What a free thread is about to take does not wait.
    if (ends_ || queue_.size() >= settings_.depth + idle_) return Submitted::Full;
    task->waits_ = true;
    BlockingTask& added = *queue_.emplace_back(std::move(task));
    added.place_ = std::prev(queue_.end());
    if (queue_.size() > idle_ && threads_.size() < settings_.threads) start_thread();
    if (threads_.empty()) {  // there is no memory for one
      added.waits_ = false;
      queue_.pop_back();
      return Submitted::Full;
    }
  }
  news_.notify_one();
  return Submitted::Queued;
}

// One thread fewer is one that the next task asks for again.
void BlockingPool::start_thread() {
  const std::string name = "blocking/" + std::to_string(threads_.size());
  auto started = sys::Thread::start(name, [this] { serve(); });
  if (started.ok()) threads_.push_back(std::move(started).value());
}

bool BlockingPool::take_back(BlockingTask& task) {
  std::shared_ptr<BlockingTask> taken;
  const std::lock_guard lock(mutex_);
  if (!task.waits_) return false;
  task.waits_ = false;
  taken = std::move(*task.place_);
  queue_.erase(task.place_);
  return true;
}

bool BlockingPool::is_busy() const {
  const std::lock_guard lock(mutex_);
  return running_ > 0;
}

void BlockingPool::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    news_.wait(lock, [this] { return ends_ || !queue_.empty(); });
    --idle_;
    if (ends_) return;
    std::shared_ptr<BlockingTask> task = std::move(queue_.front());
    queue_.pop_front();
    task->waits_ = false;
    ++running_;
    lock.unlock();
    task->run();
    task.reset();
    lock.lock();
    --running_;
  }
}

}  // namespace sockherd::module
