// Which engine the loop of a worker runs on: what is wanted, as far as the kernel allows it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "daemon/base/result.h"
#include "daemon/io/loop.h"

namespace sockherd::worker {

struct LoopChoice {
  std::unique_ptr<io::Loop> loop;
  std::string refusal;  // why it is not the engine that was asked for; "" if it is
  std::string remedy;   // what to do about that
};

using LoopMaker = Result<std::unique_ptr<io::Loop>> (*)(io::Engine);

// wanted: the option `engine`: "auto", "epoll" or "io_uring". Where the kernel refuses io_uring, it
// is epoll. Errors: not even that.
Result<LoopChoice> choose_loop(std::string_view wanted, LoopMaker make = &io::Loop::create);

// As in the option.
std::string_view name_of(io::Engine engine);

}  // namespace sockherd::worker
