#include "daemon/worker/conversation_pool.h"

#include "daemon/worker/conversation.h"

namespace sockherd::worker {
namespace {

// Of the free ones, those that keep their buffers, and those that are kept at all.
constexpr size_t kWarm = 4;
constexpr size_t kKept = 256;

}  // namespace

ConversationPool::ConversationPool() = default;
ConversationPool::~ConversationPool() = default;

Conversation* ConversationPool::acquire(Connection& connection, Service& service) {
  std::unique_ptr<Conversation> taken;
  if (free_.empty()) {
    taken = std::make_unique<Conversation>(service);
  } else {
    taken = std::move(free_.back());
    free_.pop_back();
  }
  taken->begin(connection);
  return taken.release();
}

// One that has ended in the middle of something is not worth tidying up.
void ConversationPool::release(Conversation* conversation) {
  std::unique_ptr<Conversation> released(conversation);
  if (!released->is_over() || free_.size() >= kKept) return;
  if (free_.size() >= kWarm) released->release_memory();
  free_.push_back(std::move(released));
}

}  // namespace sockherd::worker
