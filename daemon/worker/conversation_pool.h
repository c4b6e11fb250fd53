// ConversationPool: conversations that are not under way, reused last in, first out, so that the
// one that is used next is warm in the cache, with the memory for what comes and goes.
#pragma once

#include <memory>
#include <vector>

namespace sockherd::worker {

class Connection;
class Conversation;
struct Service;

class ConversationPool {
 public:
  ConversationPool();
  ~ConversationPool();

  // Begun on `connection`, which owns it until it gives it back.
  Conversation* acquire(Connection& connection, Service& service);
  void release(Conversation* conversation);

 private:
  std::vector<std::unique_ptr<Conversation>> free_;
};

}  // namespace sockherd::worker
