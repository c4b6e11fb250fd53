// EpollLoop: the loop on epoll(7).
//
// A socket is registered once, edge-triggered, when it is watched, and taken out by closing it. It
// is registered for room in the socket only once a send was short, and then left so:
// edge-triggered, that costs nothing until the socket is full again. Reads and writes are io.h.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <memory>

#include "daemon/base/unique_fd.h"
#include "daemon/io/loop.h"

namespace sockherd::io {

class EpollLoop final : public Loop {
 public:
  static Result<std::unique_ptr<Loop>> create();

  Engine engine() const override { return Engine::Epoll; }

 private:
  explicit EpollLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}

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

  bool control(int operation, uint32_t index, int fd, Events events);
  Outcome all_or_blocked(uint32_t index, int fd, Outcome outcome, size_t wanted);
  bool wait_for_room(uint32_t index, int fd);

  UniqueFd epoll_;
  size_t count_ = 0;
  std::array<epoll_event, 512> events_;
};

}  // namespace sockherd::io
