#include "daemon/worker/engine.h"

#include <cerrno>
#include <utility>

namespace sockherd::worker {
namespace {

constexpr std::string_view remedy_for(int code) {
  switch (code) {
    case EPERM:
    case EACCES:
      return "allow it: sysctl kernel.io_uring_disabled=0, and io_uring_setup, io_uring_enter and "
             "io_uring_register in the filter of system calls, or set engine = \"epoll\"";
    case ENOSYS:
      return "this kernel has none, or the container does not let it through: set engine = "
             "\"epoll\"";
    case EINVAL:
      return "it needs Linux 6.1: set engine = \"epoll\"";
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return "raise the limits of memory and descriptors";
    default:
      return "set engine = \"epoll\"";
  }
}

}  // namespace

std::string_view name_of(io::Engine engine) {
  switch (engine) {
    case io::Engine::Epoll:
      return "epoll";
    case io::Engine::IoUring:
      return "io_uring";
  }
  return "";
}

Result<LoopChoice> choose_loop(std::string_view wanted, LoopMaker make) {
  LoopChoice choice;
  if (wanted == name_of(io::Engine::IoUring)) {
    Result<std::unique_ptr<io::Loop>> loop = make(io::Engine::IoUring);
    if (loop.ok()) {
      choice.loop = std::move(loop).value();
      return choice;
    }
    choice.refusal = loop.error().what;
    choice.remedy = remedy_for(loop.error().code);
  }
  choice.loop = TRY(make(io::Engine::Epoll));
  return choice;
}

}  // namespace sockherd::worker
