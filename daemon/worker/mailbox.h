// Mailbox: orders from the worker's main thread to another one. What was posted first is read
// first; the descriptor is readable as long as something is there.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/contract/message.h"

namespace sockherd::worker {

struct Order {
  enum class Kind : uint8_t {
    Errand,  // `message`, with `fd`
    HangUp,  // nobody hears what Errands has to say any more
    Drain,
    End,
  };
  Kind kind = Kind::Errand;
  contract::Message message = {};
  UniqueFd fd = {};
};

class Mailbox {
 public:
  static Result<std::unique_ptr<Mailbox>> create();

  void post(Order order);     // by any thread
  std::vector<Order> take();  // all that is there; by the reader
  int fd() const { return event_.get(); }

 private:
  explicit Mailbox(UniqueFd event) : event_(std::move(event)) {}

  UniqueFd event_;
  std::mutex mutex_;  // of orders_
  std::vector<Order> orders_;
};

}  // namespace sockherd::worker
