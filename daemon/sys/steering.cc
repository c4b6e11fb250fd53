#include "daemon/sys/steering.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <vector>

#include "daemon/base/assert.h"

namespace sockherd::sys {
namespace {

constexpr sock_filter statement(uint16_t code, uint32_t k) {
  return {code, 0, 0, k};
}

// Returns numbers[x % count], where x is what the kernel says at that offset of its own: a chain of
// compares, as classic BPF has no tables.
std::vector<sock_filter> choose_by(int ancillary, std::span<const uint32_t> numbers) {
  std::vector<sock_filter> program;
  program.push_back(statement(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(SKF_AD_OFF) +
                                                            static_cast<uint32_t>(ancillary)));
  program.push_back(statement(BPF_ALU | BPF_MOD | BPF_K, static_cast<uint32_t>(numbers.size())));
  for (uint32_t i = 0; i + 1 < numbers.size(); ++i) {
    program.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 1, i});
    program.push_back(statement(BPF_RET | BPF_K, numbers[i]));
  }
  program.push_back(statement(BPF_RET | BPF_K, numbers.back()));
  return program;
}

Result<void> attach(int member, int ancillary, std::span<const uint32_t> numbers) {
  SH_ASSERT(!numbers.empty() && numbers.size() <= 1024);  // BPF_MAXINSNS is 4096
  std::vector<sock_filter> code = choose_by(ancillary, numbers);
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::setsockopt(member, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) != 0) {
    return errno_error("SO_ATTACH_REUSEPORT_CBPF");
  }
  return {};
}

}  // namespace

Result<void> steer_to(int member, std::span<const uint32_t> numbers) {
  return attach(member, SKF_AD_RANDOM, numbers);
}

Result<void> steer_by_cpu(int member, std::span<const uint32_t> numbers) {
  return attach(member, SKF_AD_CPU, numbers);
}

Result<void> stop_steering(int member) {
  const int unused = 0;
  if (::setsockopt(member, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof unused) == 0) {
    return {};
  }
  // ENOENT: the group has no program. EINVAL: the socket has no group, as every one that systemd
  // bound without ReusePort=yes (measured).
  if (errno == ENOENT || errno == EINVAL) return {};
  return errno_error("SO_DETACH_REUSEPORT_BPF");
}

}  // namespace sockherd::sys
