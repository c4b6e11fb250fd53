// sockherd-ceiling: what `./dev bench engine` measures everything against.
//
// A server of the shape of ours (a process a core, each with a SO_REUSEPORT socket and a loop of
// its own) that parses nothing: it counts the empty lines in what it reads and answers as many
// times the same constant. What it cannot do on this kernel, no HTTP server can; what another costs
// beyond it is its own.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <vector>

#include "tests/bench/ceiling/loops.h"
#include "tests/bench/ceiling/options.h"

namespace {

using sockherd::ceiling::LoopKind;
using sockherd::ceiling::Options;

constexpr int kUsage = 2;
constexpr int kBacklog = 4096;

// A socket of the group of that port; a port of 0 is replaced by the one the kernel chose. -1:
// errno.
int open_listener(uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* name = reinterpret_cast<sockaddr*>(&address);
  // Accepted connections inherit TCP_NODELAY, so it costs no call of theirs.
  if (fd < 0 || ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
      ::bind(fd, name, size) != 0 || ::getsockname(fd, name, &size) != 0 ||
      ::listen(fd, kBacklog) != 0) {
    return -1;
  }
  port = ntohs(address.sin_port);
  return fd;
}

// To the n-th of the CPUs it may use, round and round.
void pin(int number) {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  int left = number % CPU_COUNT(&allowed);
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || left-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

int serve(int listener, int number, const Options& options) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (options.pin) pin(number);
  const bool epoll = options.loop == LoopKind::Epoll;
  (epoll ? sockherd::ceiling::serve_with_epoll : sockherd::ceiling::serve_with_io_uring)(listener,
                                                                                         options);
  return 1;  // it serves until it is killed
}

int run(Options& options) {
  if (options.loop == LoopKind::IoUring && !sockherd::ceiling::can_use_io_uring()) return 1;
  std::vector<int> listeners;
  for (int i = 0; i < options.processes; ++i) {
    listeners.push_back(open_listener(options.port));
    if (listeners.back() < 0) {
      std::perror("sockherd-ceiling: listen");
      return 1;
    }
  }
  for (int i = 0; i < options.processes; ++i) {
    if (::fork() != 0) continue;
    for (int other = 0; other < options.processes; ++other) {
      if (other != i) ::close(listeners[static_cast<size_t>(other)]);
    }
    ::_exit(serve(listeners[static_cast<size_t>(i)], i, options));
  }
  for (const int listener : listeners) ::close(listener);
  std::printf("listening 127.0.0.1:%d\n", options.port);
  std::fflush(stdout);
  ::wait(nullptr);  // the first that ends ends all: PDEATHSIG
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!sockherd::ceiling::parse_options(argc, argv, options)) return kUsage;
  if (options.help) return std::fputs(sockherd::ceiling::usage(), stdout) < 0 ? 1 : 0;
  return run(options);
}
