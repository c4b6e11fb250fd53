// Crew: the further threads of a worker, each with a lane of its own. The first lane is turned by
// the main thread, which also has the signals and the control socket, and says by mailbox what the
// others are to do. They end when it says so; until then they are there for what it may still have.
//
// How they stand it reads from atomics; a bell wakes it when one that drains has nothing left.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/io/loop.h"
#include "daemon/worker/lane.h"
#include "daemon/worker/mailbox.h"

namespace sockherd::worker {

class Crew final : private io::Watcher {
 public:
  struct Member {
    Lane::Setup setup;
    Launch::Part part;
  };

  // Starts a thread for each, and waits until all have made their lanes.
  //
  // main: the loop of the main thread, which the bell wakes; outlives this. control: the control
  // socket, borrowed as long as this lives, or -1.
  // Errors: the first one's; their code is the exit status.
  static Result<std::unique_ptr<Crew>> create(io::Loop& main, std::vector<Member> members,
                                              int control);

  // Ends all threads and waits for them; what they serve is cut off.
  ~Crew();

  // From now on they serve.
  void start();

  size_t size() const;
  void post(size_t index, Order order);
  void post_to_all(const contract::Message& message);
  void post_to_all(Order::Kind kind);

  // All that were told to drain have nothing left, and nothing is under way to them.
  bool is_empty() const;

  // Whether one has sent something to the supervisor that may not have been read yet.
  bool has_given() const;

 private:
  class ThreadLane;

  explicit Crew(UniqueFd bell);
  void on_ready(io::Events events) override;

  UniqueFd bell_;
  io::Watch bell_watch_;
  std::vector<std::unique_ptr<ThreadLane>> threads_;
};

}  // namespace sockherd::worker
