// UniqueFd: the one owner of a file descriptor.
//
// Empty (-1) or owning; moving empties the source. A bare int elsewhere is borrowed.
#pragma once

#include <unistd.h>

#include <utility>

namespace sockherd {

class [[nodiscard]] UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const& noexcept { return fd_; }
  int get() const&& = delete;  // a temporary would close the number it hands out
  explicit operator bool() const noexcept { return fd_ >= 0; }

  // Gives up ownership; only for kernel calls that take the descriptor over.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

  void reset(int fd = -1) noexcept {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) ::close(old);  // not retried on EINTR: Linux has already freed the number
  }

 private:
  int fd_ = -1;
};

}  // namespace sockherd
