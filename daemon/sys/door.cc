#include "daemon/sys/door.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <iterator>

namespace sockherd::sys {

Result<void> close_door(int listener) {
  constexpr uint32_t kFlags = 13;  // byte of the TCP header, where the packet begins for a listener
  constexpr uint32_t kSynAndAck = 0x12;
  constexpr uint32_t kSyn = 0x02;
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlags),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSynAndAck),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
  if (::setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    return errno_error("SO_ATTACH_FILTER");
  }
  return {};
}

Result<void> open_door(int listener) {
  const int unused = 0;
  if (::setsockopt(listener, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused) == 0) return {};
  if (errno == ENOENT) return {};
  return errno_error("SO_DETACH_FILTER");
}

}  // namespace sockherd::sys
