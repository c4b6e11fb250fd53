#include "daemon/sys/bind_watch.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "daemon/base/parse.h"
#include "daemon/sys/file.h"

namespace sockherd::sys {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kArchitecture = 0;  // never met: every call goes on
#endif

// Calls of another kind of program (32 bits) are not looked at.
constexpr std::array kFilter = {
    sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, arch)},
    sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 4, kArchitecture},
    sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
    sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, __NR_bind},
    sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, __NR_listen},
    sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF},
    sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
};

struct Report {
  int32_t code = 0;
};

std::string proc_path(const HeldCall& call, const char* folder) {
  return "/proc/" + std::to_string(call.thread) + "/" + folder + "/" + std::to_string(call.fd);
}

short events_of(int listener) {
  pollfd polled{listener, POLLIN, 0};
  return ::poll(&polled, 1, 0) == 1 ? polled.revents : short{0};
}

void answer(int listener, const HeldCall& call, uint32_t flags) {
  seccomp_notif_resp response{};
  response.id = call.id;
  response.flags = flags;
  // Fails when the caller has ended.
  ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

// IPv4 as the same address of IPv6 ("::ffff:1.2.3.4"); nothing for what is no TCP.
std::optional<in6_addr> host_of(const SocketAddress& address) {
  if (address.family() == AF_INET6) {
    return reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_addr;
  }
  if (address.family() != AF_INET) return std::nullopt;
  in6_addr host{};
  host.s6_addr[10] = host.s6_addr[11] = 0xff;
  std::memcpy(&host.s6_addr[12], &reinterpret_cast<const sockaddr_in*>(address.get())->sin_addr, 4);
  return host;
}

bool is_any(const in6_addr& host) {
  constexpr uint8_t kZeros[4] = {};
  return IN6_IS_ADDR_UNSPECIFIED(&host) ||
         (IN6_IS_ADDR_V4MAPPED(&host) && std::memcmp(&host.s6_addr[12], kZeros, 4) == 0);
}

bool is_own_machine(const in6_addr& host) {
  return IN6_IS_ADDR_LOOPBACK(&host) || (IN6_IS_ADDR_V4MAPPED(&host) && host.s6_addr[12] == 127);
}

}  // namespace

// --- in the child

void start_bind_watch(int report) {
  const sock_fprog program{static_cast<unsigned short>(kFilter.size()),
                           const_cast<sock_filter*>(kFilter.data())};
  Report said;
  const bool is_allowed = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  const UniqueFd listener(
      is_allowed ? static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                              SECCOMP_FILTER_FLAG_NEW_LISTENER, &program))
                 : -1);
  if (!listener) said.code = errno;
  const int number = listener.get();
  iovec bytes{&said, sizeof said};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (listener) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof number);
    std::memcpy(CMSG_DATA(header), &number, sizeof number);
  }
  // Fails where the parent is gone, and with it all that could answer: binding fails then.
  [[maybe_unused]] const ssize_t sent = ::sendmsg(report, &message, MSG_NOSIGNAL);
}

// --- in the parent

Result<BindReport> create_bind_report() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return errno_error("socketpair");
  }
  return BindReport{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<UniqueFd> receive_bind_watch(int report) {
  Report said;
  iovec bytes{&said, sizeof said};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(report, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return UniqueFd();
  if (got < 0) return errno_error("recvmsg");
  if (got != sizeof said) return Error{ECONNRESET, "it ended before it was watched"};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) {
    return errno_error("seccomp", said.code != 0 ? said.code : EMFILE);
  }
  int listener = -1;
  std::memcpy(&listener, CMSG_DATA(header), sizeof listener);
  return UniqueFd(listener);
}

// Asked first: the call below would wait. What polls as readable it never waits for, even if the
// caller is killed in between (then it says ENOENT).
std::optional<HeldCall> receive_call(int listener) {
  if ((events_of(listener) & POLLIN) == 0) return std::nullopt;
  seccomp_notif request{};
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) return std::nullopt;
  return HeldCall{
      .id = request.id,
      .thread = static_cast<pid_t>(request.pid),
      .kind = request.data.nr == __NR_bind ? HeldCall::Kind::Bind : HeldCall::Kind::Listen,
      .fd = static_cast<int>(request.data.args[0]),
      .address = request.data.args[1],
      .address_bytes = request.data.args[2]};
}

Result<std::optional<SocketAddress>> address_of(const HeldCall& call) {
  sockaddr_storage bytes{};
  const size_t size = std::min<uint64_t>(call.address_bytes, sizeof bytes);
  iovec ours{&bytes, size};
  iovec theirs{reinterpret_cast<void*>(call.address), size};
  const ssize_t got = ::process_vm_readv(call.thread, &ours, 1, &theirs, 1, 0);
  if (got < 0 && errno == EFAULT) return std::optional<SocketAddress>();  // the kernel says so, too
  if (got < 0) return errno_error("process_vm_readv");
  return SocketAddress::of_bytes(&bytes, static_cast<size_t>(got));
}

Result<HeldSocket> socket_of(const HeldCall& call) {
  const std::string path = proc_path(call, "fd");
  HeldSocket socket;
  // The name first: whatever else is asked goes to the file behind it, whose server (FUSE, NFS) may
  // never answer.
  std::array<char, 64> target{};
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size() - 1);
  if (length < 0) return errno_error("readlink " + path);
  if (std::sscanf(target.data(), "socket:[%" SCNu64 "]", &socket.inode) != 1) return socket;
  std::array<char, 32> protocol{};
  // sockfs names the protocol: TCP, TCPv6, UDP, UNIX-STREAM, ...
  const ssize_t got =
      ::getxattr(path.c_str(), "system.sockprotoname", protocol.data(), protocol.size() - 1);
  const std::string_view name(protocol.data());
  socket.is_tcp = got > 0 && (name.starts_with("TCP") || name.starts_with("MPTCP"));
  const std::string info = TRY(read_file(proc_path(call, "fdinfo")));
  unsigned flags = 0;
  const size_t at = info.find("flags:");
  if (at != std::string::npos && std::sscanf(info.c_str() + at, "flags: %o", &flags) == 1) {
    socket.is_nonblocking = (flags & O_NONBLOCK) != 0;
    socket.is_cloexec = (flags & O_CLOEXEC) != 0;
  }
  return socket;
}

bool is_hung_up(int listener) {
  return (events_of(listener) & POLLHUP) != 0;
}

bool is_waiting(int listener, const HeldCall& call) {
  uint64_t id = call.id;
  return ::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

void go_on(int listener, const HeldCall& call) {
  answer(listener, call, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

void answer_done(int listener, const HeldCall& call) {
  answer(listener, call, 0);
}

Result<void> replace_descriptor(int listener, const HeldCall& call, int socket, bool is_cloexec) {
  seccomp_notif_addfd add{};
  add.id = call.id;
  add.flags = SECCOMP_ADDFD_FLAG_SETFD;
  add.srcfd = static_cast<uint32_t>(socket);
  add.newfd = static_cast<uint32_t>(call.fd);
  add.newfd_flags = is_cloexec ? O_CLOEXEC : 0;
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0) return errno_error("SECCOMP_ADDFD");
  return {};
}

uint64_t inode_of(int socket) {
  struct stat status {};
  return ::fstat(socket, &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

bool means_listener(const SocketAddress& wanted, const SocketAddress& ours) {
  const auto theirs = host_of(wanted);
  const auto host = host_of(ours);
  if (!theirs || !host || wanted.port() == 0 || wanted.port() != ours.port()) return false;
  return is_any(*theirs) || is_any(*host) || IN6_ARE_ADDR_EQUAL(&*theirs, &*host) ||
         (is_own_machine(*theirs) && is_own_machine(*host));
}

}  // namespace sockherd::sys
