// UringLoop: the loop on io_uring(7).
//
// A watched socket has one receive under way that goes on for ever (multishot) and takes a buffer
// only when bytes have come: they are handed to receive(), and the buffer goes back. What the
// watcher leaves is moved aside at once, and nothing more is received until it has been read: so
// nobody can hold the buffers of all. Where there are none, the receives that ended begin anew as
// soon as there are. Sends are submitted together, with the wait for what comes next. Closing is
// submitted as well, in its order behind what was asked for that descriptor before: the number is
// not free until nothing is under way on it.
//
// A socket that is not watched yet is served by system calls, as on epoll: a short connection never
// comes here. So are files (sendfile(2)), and so is accepting: a multishot accept takes without
// bounds (docs/adr/0013). Any other descriptor is polled, once a time.
//
// In what completes, an index (28 bits) and the generation say whose it is, 4 bits what it was.
#pragma once

#include <vector>

#include "daemon/io/loop.h"
#include "daemon/io/uring.h"
#include "daemon/io/uring_activity.h"

namespace sockherd::io {

class UringLoop final : public Loop {
 public:
  static Result<std::unique_ptr<Loop>> create(const UringSizes& sizes = {});
  ~UringLoop() override;

  Engine engine() const override { return Engine::IoUring; }

 private:
  enum class Operation : uint32_t { Ignored, Poll, Receive, Send, Room, HangUp };
  struct Ready {
    uint64_t tag;
    Events events;   // of a watch; those of a socket are in its activity
    bool has_ended;  // the poll of a watch
  };

  explicit UringLoop(std::unique_ptr<Uring> ring) : ring_(std::move(ring)) {}
  void remember(uint32_t index, int fd);

  bool await(Duration longest) override;
  void dispatch_all() override;
  Result<void> begin_watch(uint32_t index, int fd, Events events) override;
  void end_watch(uint32_t index, int fd) override;
  bool begin_socket(uint32_t index, int fd) override;
  bool release_socket(uint32_t index, int fd) override;
  void end_socket(uint32_t index, UniqueFd fd) override;
  void look(uint32_t index, int fd) override;
  Outcome receive(uint32_t index, int fd, std::span<char> room) override;
  Outcome send(uint32_t index, int fd, std::string_view bytes, Follows follows) override;
  Outcome send_two(uint32_t index, int fd, std::string_view first,
                   std::string_view second) override;
  Outcome send_file(uint32_t index, int fd, int file, uint64_t offset, uint64_t count) override;

  // What completes.
  void take_in();
  void on_completion(const io_uring_cqe& cqe);
  void on_received(uint32_t index, const io_uring_cqe& cqe);
  void on_sent(uint32_t index, int result);
  void on_hang_up(uint32_t index, const io_uring_cqe& cqe);
  void tell(uint32_t index, Events events);
  void dispatch_socket(uint64_t tag);
  void dispatch_watch(const Ready& ready);

  // What is asked.
  uint64_t name_of(uint32_t index, Operation operation) const;
  void poll(uint32_t index);
  void begin_receiving(uint32_t index, unsigned flags);
  void resume_receiving(uint32_t index);
  void cancel(uint32_t index, Operation operation);
  void wait_for_room(uint32_t index);
  void wait_for_hang_up(uint32_t index);
  Outcome all_or_blocked(uint32_t index, Outcome outcome, size_t wanted);
  bool is_sending(uint32_t index);
  void begin_send(uint32_t index, std::string_view first, std::string_view second);
  Outcome take_sent(uint32_t index, size_t wanted);

  // A socket has one while there is something to remember of it.
  UringActivity* activity_of(uint32_t index);
  UringActivity& need_activity(uint32_t index);
  void end_activity(uint32_t index);
  void put_aside(uint32_t index);

  std::unique_ptr<Uring> ring_;
  bool is_dispatching_ = false;  // what is sent now leaves with what others send in this turn
  std::vector<int> fds_;         // by index
  UringActivities activities_;
  std::vector<Ready> ready_;
  std::vector<uint64_t> without_receive_;  // tags of sockets whose receive has ended and is wanted
};

}  // namespace sockherd::io
