// NotifySocket: the receiving side of sd_notify(3), one for each worker, so that who says a message
// is known by where it arrives and not by a pid that a wrapper script may have changed.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"

namespace sockherd::sys {

// What one or more messages said. Descriptors that come along (FDSTORE=, BARRIER=) are closed by
// the kernel on receipt, which also answers a barrier.
struct Notification {
  bool ready = false;
  bool stopping = false;
  bool beats = false;    // WATCHDOG=1
  bool is_hung = false;  // WATCHDOG=trigger: it says so itself
  std::optional<std::string> status;
  std::optional<std::chrono::microseconds> extend_timeout;  // at most a day

  // Who says so, as the kernel vouches for it (unix(7), SCM_CREDENTIALS). Where it does not, -1.
  int32_t sender = -1;
  uint32_t sender_uid = UINT32_MAX;
};

// Reads the lines of one message; unknown and malformed ones are ignored, as systemd does.
Notification parse_notification(std::string_view message);

class NotifySocket {
 public:
  // Binds a datagram socket at `path`, replacing what stands there; removed again by the
  // destructor.
  static Result<NotifySocket> create(std::string path);

  // One that create() has bound at `path` in a process before this one.
  static NotifySocket adopt(UniqueFd fd, std::string path) {
    return {std::move(fd), std::move(path)};
  }

  NotifySocket(NotifySocket&& other) noexcept;
  NotifySocket& operator=(NotifySocket&& other) noexcept;
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;
  ~NotifySocket();

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

  // One waiting message, or nothing when there is none. It waits on until drop(): whoever dies
  // before he has acted on it leaves it to his successor, who adopts the socket.
  std::optional<Notification> peek() const;
  void drop();

  // Both at once.
  std::optional<Notification> receive();

 private:
  NotifySocket(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  UniqueFd fd_;
  std::string path_;
};

}  // namespace sockherd::sys
