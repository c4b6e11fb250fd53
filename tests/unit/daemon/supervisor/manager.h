// FakeManager: a service manager as far as sd_notify(3) goes: it hears what is said at
// NOTIFY_SOCKET, keeps descriptors, and hands them back.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "daemon/supervisor/inheritance.h"
#include "daemon/sys/listen_socket.h"
#include "tests/unit/daemon/sys/peers.h"

namespace sockherd::supervisor {

class FakeManager {
 public:
  explicit FakeManager(const std::string& path)
      : path_(path), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const auto address = sys::parsed("unix:" + path);
    EXPECT_EQ(::bind(socket_.get(), address.get(), address.size()), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    // Beside us: only a few messages fit into the socket, and whoever speaks waits.
    thread_ = std::thread([this] { listen(); });
  }
  ~FakeManager() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
    ::unsetenv("NOTIFY_SOCKET");
  }
  FakeManager(const FakeManager&) = delete;
  FakeManager& operator=(const FakeManager&) = delete;

  // The names of all that is kept, sorted.
  std::vector<std::string> names() {
    const std::lock_guard lock(hear_all());
    std::vector<std::string> names;
    for (const auto& [name, fd] : kept_) names.push_back(name);
    return names;
  }

  // What a successor gets: copies, since the manager keeps its own.
  Inheritance inheritance() {
    const std::lock_guard lock(hear_all());
    std::vector<sys::PassedFd> passed;
    for (const auto& [name, fd] : kept_) {
      passed.push_back({name, UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3))});
    }
    return Inheritance::sort(std::move(passed));
  }

 private:
  static constexpr char kBarrier[] = "barrier";

  void say(const std::string& text) const {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto address = sys::parsed("unix:" + path_);
    EXPECT_EQ(::sendto(socket.get(), text.data(), text.size(), 0, address.get(), address.size()),
              static_cast<ssize_t>(text.size()));
  }

  // Waits until everything that was said before is taken.
  std::mutex& hear_all() {
    std::unique_lock lock(mutex_);
    const int wanted = ++barriers_asked_;
    lock.unlock();
    say(kBarrier);
    lock.lock();
    changed_.wait(lock, [&] { return barriers_seen_ >= wanted; });
    return mutex_;
  }

  void listen() {
    for (;;) {
      char text[4096];
      alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int)) + 64];
      iovec part{text, sizeof text};
      msghdr message{};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
      if (got <= 0) return;
      const std::string said(text, static_cast<size_t>(got));
      const std::lock_guard lock(mutex_);
      take(said, fd_of(message));
      if (said == kBarrier) ++barriers_seen_;
      changed_.notify_all();
    }
  }

  static UniqueFd fd_of(msghdr& message) {
    for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
      if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(one), sizeof fd);
      return UniqueFd(fd);
    }
    return {};
  }

  void take(const std::string& said, UniqueFd fd) {
    constexpr std::string_view kName = "FDNAME=";
    const size_t at = said.find(kName);
    if (at == std::string::npos) return;
    const size_t begin = at + kName.size();
    const std::string name = said.substr(begin, said.find('\n', begin) - begin);
    if (said.starts_with("FDSTOREREMOVE=1")) {
      kept_.erase(name);
    } else if (said.starts_with("FDSTORE=1") && fd) {
      kept_[name] = std::move(fd);
    }
  }

  std::string path_;
  UniqueFd socket_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int barriers_asked_ = 0;
  int barriers_seen_ = 0;
  std::map<std::string, UniqueFd> kept_;
};

}  // namespace sockherd::supervisor
