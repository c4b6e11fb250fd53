#include "daemon/sys/sock_diag.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>

#include "daemon/base/unique_fd.h"

namespace sockherd::sys {
namespace {

struct DumpRequest {
  nlmsghdr header;
  inet_diag_req_v2 diag;
};

Result<void> ask(int netlink, uint8_t family, uint16_t port, uint32_t states) {
  DumpRequest request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.diag.sdiag_family = family;
  request.diag.sdiag_protocol = IPPROTO_TCP;
  request.diag.idiag_states = states;
  request.diag.id.idiag_sport = htons(port);  // the kernel leaves the others out
  if (::send(netlink, &request, sizeof request, 0) < 0) return errno_error("send to sock_diag");
  return {};
}

Result<void> receive_dump(int netlink, uint16_t port,
                          const std::function<void(const inet_diag_msg&)>& found) {
  alignas(nlmsghdr) std::array<char, 32768> buffer{};
  while (true) {
    const ssize_t got = ::recv(netlink, buffer.data(), buffer.size(), 0);
    if (got < 0) return errno_error("receive from sock_diag");
    auto left = static_cast<uint32_t>(got);
    // The kernel's own walking macros; NLMSG_OK checks every length against what is left.
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE) return {};
      if (header->nlmsg_type == NLMSG_ERROR) {
        const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(header));
        return errno_error("sock_diag", -error->error);
      }
      const auto& message = *static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
      if (port == 0 || ntohs(message.id.idiag_sport) == port) found(message);
    }
  }
}

}  // namespace

Result<void> dump_sockets(uint16_t port, uint32_t states,
                          const std::function<void(const inet_diag_msg&)>& found) {
  const UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink) return errno_error("socket(AF_NETLINK)");
  // A dual-stack socket's IPv4 clients are listed under AF_INET.
  for (const uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}}) {
    TRY(ask(netlink.get(), family, port, states));
    TRY(receive_dump(netlink.get(), port, found));
  }
  return {};
}

}  // namespace sockherd::sys
