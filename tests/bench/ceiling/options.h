// What the ceiling server is told, and the constant it answers. See main.cc for what it is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sockherd::ceiling {

enum class LoopKind { Epoll, IoUring };
enum class AfterAnswer { KeepAlive, Close };

struct Options {
  uint16_t port = 0;  // of 127.0.0.1; 0 takes a free one
  int processes = 0;  // 0: one a CPU that this process may use
  size_t body_bytes = 13;
  LoopKind loop = LoopKind::Epoll;
  AfterAnswer after = AfterAnswer::KeepAlive;
  bool pin = false;
  bool help = false;
};

// Returns false, with the reason on stderr, where the command line makes no sense.
bool parse_options(int argc, const char* const* argv, Options& options);

const char* usage();

// The answer, ready to be sent once or, for a pipelined batch, several times in one send.
class Answer {
 public:
  explicit Answer(const Options& options);

  // As many answers as `requests` asks for, at most what one send may hold: ask again for the rest.
  std::string_view copies(size_t requests) const {
    return std::string_view(bytes_).substr(0, std::min(requests, most_) * size_);
  }
  size_t most() const { return most_; }

 private:
  size_t size_;
  size_t most_;
  std::string bytes_;
};

// All that is looked at in what a client sent: how many heads end in it. A head that is split
// between two reads just where it ends is missed, which the load generators of the bench never do.
size_t count_requests(std::string_view bytes);

}  // namespace sockherd::ceiling
