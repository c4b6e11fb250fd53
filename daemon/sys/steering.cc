#include "daemon/sys/steering.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <vector>

#include "daemon/base/assert.h"
#include "daemon/base/bounds.h"

namespace sockherd::sys {
namespace {

constexpr sock_filter statement(uint16_t code, uint32_t k) {
  return {code, 0, 0, k};
}

// Returns aim.number to what comes from that port, and goes on with all else. The header of TCP is
// cut off what the program sees; it is reached from that of IP, which on this machine's own
// connections has no options. A load that fails would return 0, so what is read is always there.
std::vector<sock_filter> choose_aimed(const Aim& aim) {
  constexpr auto kIp = static_cast<uint32_t>(SKF_NET_OFF);
  return {
      statement(BPF_LD | BPF_B | BPF_ABS, kIp),
      statement(BPF_ALU | BPF_RSH | BPF_K, 4),
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 4},
      statement(BPF_LD | BPF_H | BPF_ABS, kIp + 20),
      {BPF_JMP | BPF_JA, 0, 0, 1},
      statement(BPF_LD | BPF_H | BPF_ABS, kIp + 40),
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, aim.from},
      statement(BPF_RET | BPF_K, aim.number),
  };
}

// Returns numbers[x % count], where x is what the kernel says at that offset of its own: a chain of
// compares, as classic BPF has no tables.
void add_choice(std::vector<sock_filter>& program, int ancillary,
                std::span<const uint32_t> numbers) {
  program.push_back(statement(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(SKF_AD_OFF) +
                                                            static_cast<uint32_t>(ancillary)));
  program.push_back(statement(BPF_ALU | BPF_MOD | BPF_K, static_cast<uint32_t>(numbers.size())));
  for (uint32_t i = 0; i + 1 < numbers.size(); ++i) {
    program.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 1, i});
    program.push_back(statement(BPF_RET | BPF_K, numbers[i]));
  }
  program.push_back(statement(BPF_RET | BPF_K, numbers.back()));
}

Result<void> attach(int member, int ancillary, std::span<const uint32_t> numbers,
                    std::vector<sock_filter> code = {}) {
  SH_ASSERT(!numbers.empty() && numbers.size() <= kMostSockets);  // BPF_MAXINSNS is 4096
  add_choice(code, ancillary, numbers);
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

Result<void> steer_to_but(int member, std::span<const uint32_t> numbers, Aim aim) {
  return attach(member, SKF_AD_RANDOM, numbers, choose_aimed(aim));
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
