#include "tests/bench/ceiling/options.h"

#include <sched.h>

#include <cstdio>
#include <cstring>

#include "daemon/base/parse.h"

namespace sockherd::ceiling {
namespace {

constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\n"
    "Server: const\r\n"
    "Date: Sat, 21 Nov 2026 03:00:00 GMT\r\n"
    "Content-Type: text/plain\r\n";
constexpr std::string_view kHello = "Hello, World!";
constexpr std::string_view kClose = "Connection: close\r\n";
constexpr size_t kMostCopies = 64;
constexpr size_t kMostBytes = size_t{1} << 20;  // of all copies, where one is not longer
constexpr std::string_view kEndOfHead = "\r\n\r\n";
static_assert(kHead.size() + std::string_view("Content-Length: 13\r\n\r\n").size() +
                  kHello.size() ==
              130);

// The CPUs this process may use.
int cpus() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

bool complain(std::string_view about) {
  std::fprintf(stderr, "sockherd-ceiling: %.*s: not understood; see --help\n",
               static_cast<int>(about.size()), about.data());
  return false;
}

bool set_loop(std::string_view name, Options& options) {
  if (name != "epoll" && name != "io_uring") return complain(name);
  options.loop = name == "epoll" ? LoopKind::Epoll : LoopKind::IoUring;
  return true;
}

bool set_number(std::string_view option, std::string_view text, Options& options) {
  const auto number = parse_number<uint32_t>(text);
  if (!number) return complain(text);
  if (option == "--port" && *number <= UINT16_MAX) {
    options.port = static_cast<uint16_t>(*number);
  } else if (option == "--processes" && *number <= 1024) {
    options.processes = static_cast<int>(*number);
  } else if (option == "--body" && *number <= (1U << 20)) {
    options.body_bytes = *number;
  } else {
    return complain(text);
  }
  return true;
}

bool set_flag(std::string_view option, Options& options) {
  if (option == "--close") options.after = AfterAnswer::Close;
  if (option == "--pin") options.pin = true;
  if (option == "--help") options.help = true;
  return option == "--close" || option == "--pin" || option == "--help";
}

}  // namespace

bool parse_options(int argc, const char* const* argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (set_flag(option, options)) continue;
    if (++i == argc) return complain(option);
    if (!(option == "--loop" ? set_loop(argv[i], options) : set_number(option, argv[i], options))) {
      return false;
    }
  }
  if (options.processes == 0) options.processes = cpus();
  return true;
}

const char* usage() {
  return "sockherd-ceiling: the fastest HTTP server there could be, since it reads nothing.\n"
         "\n"
         "  --port N        of 127.0.0.1; 0, the default, takes a free one and prints it\n"
         "  --processes N   each with a SO_REUSEPORT socket of its own (default: one a CPU)\n"
         "  --loop NAME     epoll (default) or io_uring\n"
         "  --body N        bytes of the body (default 13, which makes an answer of 130)\n"
         "  --close         Connection: close, and does so after the answer\n"
         "  --pin           each process to a CPU of its own\n";
}

Answer::Answer(const Options& options) {
  std::string one(kHead);
  if (options.after == AfterAnswer::Close) one += kClose;
  one += "Content-Length: " + std::to_string(options.body_bytes);
  one += kEndOfHead;
  one += options.body_bytes == kHello.size() ? std::string(kHello)
                                             : std::string(options.body_bytes, 'x');
  size_ = one.size();
  most_ = std::clamp(kMostBytes / size_, size_t{1}, kMostCopies);
  for (size_t i = 0; i < most_; ++i) bytes_ += one;
}

size_t count_requests(std::string_view bytes) {
  size_t count = 0;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (const void* found =
             ::memmem(at, static_cast<size_t>(end - at), kEndOfHead.data(), kEndOfHead.size())) {
    at = static_cast<const char*>(found) + kEndOfHead.size();
    ++count;
  }
  return count;
}

}  // namespace sockherd::ceiling
