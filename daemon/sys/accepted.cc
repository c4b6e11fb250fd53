#include "daemon/sys/accepted.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "daemon/base/unique_fd.h"
#include "daemon/sys/process_family.h"
#include "daemon/sys/sock_diag.h"

namespace sockherd::sys {
namespace {

// A supervisor must not spend its time on a program that opens everything.
constexpr size_t kMostDescriptors = 16384;

struct Question {
  nlmsghdr header;
  inet_diag_req_v2 diag;
};

struct Closer {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, Closer>;

void put_end(const sockaddr_storage& address, __be32 (&words)[4], __be16& port) {
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    words[0] = v4.sin_addr.s_addr;
    port = v4.sin_port;
  } else {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    std::memcpy(words, &v6.sin6_addr, sizeof words);
    port = v6.sin6_port;
  }
}

// Asked from the other end's point of view: its source is where we are connected to.
Result<Question> question_about(int connection) {
  sockaddr_storage ours{};
  sockaddr_storage theirs{};
  socklen_t size = sizeof ours;
  if (::getsockname(connection, reinterpret_cast<sockaddr*>(&ours), &size) != 0) {
    return errno_error("getsockname");
  }
  size = sizeof theirs;
  if (::getpeername(connection, reinterpret_cast<sockaddr*>(&theirs), &size) != 0) {
    return errno_error("getpeername");
  }
  if (ours.ss_family != AF_INET && ours.ss_family != AF_INET6) {
    return Error{EAFNOSUPPORT, "not a TCP connection"};
  }
  Question question{};
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.diag.sdiag_family = static_cast<uint8_t>(ours.ss_family);
  question.diag.sdiag_protocol = IPPROTO_TCP;
  question.diag.idiag_states = ~0U;
  question.diag.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  question.diag.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  put_end(theirs, question.diag.id.idiag_src, question.diag.id.idiag_sport);
  put_end(ours, question.diag.id.idiag_dst, question.diag.id.idiag_dport);
  return question;
}

// Nothing: there is none.
Result<std::optional<inet_diag_msg>> ask(const Question& question) {
  const UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink) return errno_error("socket(AF_NETLINK)");
  if (::send(netlink.get(), &question, sizeof question, 0) < 0) {
    return errno_error("send to sock_diag");
  }
  alignas(nlmsghdr) std::array<char, 8192> buffer{};
  const ssize_t got = ::recv(netlink.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0) return errno_error("receive from sock_diag");
  const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data());
  if (!NLMSG_OK(header, static_cast<uint32_t>(got)))
    return Error{EPROTO, "sock_diag: short answer"};
  if (header->nlmsg_type == NLMSG_ERROR) {
    const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(header));
    if (error->error == -ENOENT) return std::optional<inet_diag_msg>();
    return errno_error("sock_diag", -error->error);
  }
  return std::optional(*static_cast<const inet_diag_msg*>(NLMSG_DATA(header)));
}

// left: how many descriptors may still be looked at.
Holder has_open(pid_t process, const std::string& wanted, size_t& left) {
  const std::string path = "/proc/" + std::to_string(process) + "/fd";
  const Directory directory(::opendir(path.c_str()));
  if (!directory) return errno == ENOENT ? Holder::No : Holder::Unknown;
  for (const dirent* entry = ::readdir(directory.get()); entry != nullptr;
       entry = ::readdir(directory.get())) {
    if (entry->d_name[0] == '.') continue;
    if (left-- == 0) return Holder::Unknown;
    std::array<char, 64> target{};
    const ssize_t length =
        ::readlinkat(::dirfd(directory.get()), entry->d_name, target.data(), target.size());
    if (length > 0 && wanted == std::string_view(target.data(), static_cast<size_t>(length))) {
      return Holder::Yes;
    }
  }
  return Holder::No;
}

}  // namespace

Result<uint64_t> inode_of_peer(int connection) {
  const Question question = TRY(question_about(connection));
  const auto found = TRY(ask(question));
  // Where there is no such connection, the kernel answers with the listening socket.
  if (!found || found->id.idiag_dport != question.diag.id.idiag_dport) return uint64_t{0};
  return uint64_t{found->idiag_inode};
}

Result<std::optional<OwnedSocket>> listener_of_peer(int connection) {
  Question question = TRY(question_about(connection));
  question.diag.id.idiag_dport = 0;  // of nobody: so it finds no connection
  const auto found = TRY(ask(question));
  if (!found || found->idiag_state != TCP_LISTEN) return std::optional<OwnedSocket>();
  return std::optional(OwnedSocket{found->idiag_inode, found->idiag_uid});
}

Result<std::set<uint64_t>> waiting_connections(uint16_t port) {
  std::set<uint64_t> waiting;
  // What was accepted and then closed has no inode either, but is in another state by then.
  constexpr uint32_t kStates = (1U << TCP_ESTABLISHED) | (1U << TCP_CLOSE_WAIT);
  TRY(dump_sockets(port, kStates, [&waiting](const inet_diag_msg& message) {
    if (message.idiag_inode != 0) return;
    waiting.insert(uint64_t{message.id.idiag_cookie[1]} << 32 | message.id.idiag_cookie[0]);
  }));
  return waiting;
}

Result<std::map<uint16_t, uint64_t>> listening_queues() {
  std::map<uint16_t, uint64_t> queues;
  TRY(dump_sockets(0, 1U << TCP_LISTEN, [&queues](const inet_diag_msg& message) {
    queues[ntohs(message.id.idiag_sport)] += message.idiag_rqueue;
  }));
  return queues;
}

Holder holds_socket(pid_t process, uint64_t inode) {
  const std::string wanted = "socket:[" + std::to_string(inode) + "]";
  size_t left = kMostDescriptors;
  Holder all = Holder::No;
  for (const pid_t one : family_of(process)) {
    const Holder holder = has_open(one, wanted, left);
    if (holder == Holder::Yes) return holder;
    if (holder == Holder::Unknown) all = holder;
  }
  return all;
}

bool runs_as(pid_t process, uid_t user) {
  for (const pid_t one : family_of(process)) {
    struct stat status {};
    const std::string path = "/proc/" + std::to_string(one);
    if (::stat(path.c_str(), &status) == 0 && status.st_uid == user) return true;
  }
  return false;
}

}  // namespace sockherd::sys
