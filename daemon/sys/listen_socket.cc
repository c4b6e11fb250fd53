#include "daemon/sys/listen_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <optional>

namespace sockherd::sys {
namespace {

constexpr int kNetnsCookie = 71;  // SO_NETNS_COOKIE, since Linux 5.14; missing in older headers

Result<void> set_option(int fd, int level, int option, const char* name, int value = 1) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) return errno_error(name);
  return {};
}

// A failure to ask is no answer: who takes it for one refuses a socket that workers serve.
Result<int> get_option(int fd, int level, int option, const char* name) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, level, option, &value, &size) != 0) return errno_error(name);
  return value;
}

// 0 where the kernel has no such thing.
Result<uint64_t> netns_cookie(int fd) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (::getsockopt(fd, SOL_SOCKET, kNetnsCookie, &cookie, &size) == 0) return cookie;
  if (errno == ENOPROTOOPT) return 0;
  return errno_error("SO_NETNS_COOKIE");
}

// Whose socket listens on this TCP port, from /proc/net/tcp{,6}: "sl local remote st ... uid ...".
std::optional<uid_t> listener_owner(uint16_t port) {
  for (const char* table : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    std::FILE* file = std::fopen(table, "re");
    if (file == nullptr) continue;
    std::array<char, 512> line{};
    std::optional<uid_t> owner;
    while (!owner && std::fgets(line.data(), line.size(), file) != nullptr) {
      unsigned local_port = 0;
      unsigned state = 0;
      unsigned uid = 0;
      // NOLINTNEXTLINE(cert-err34-c): the kernel wrote it
      if (std::sscanf(line.data(), " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %u",
                      &local_port, &state, &uid) == 3 &&
          local_port == port && state == TCP_LISTEN) {
        owner = uid;
      }
    }
    std::fclose(file);
    if (owner) return owner;
  }
  return std::nullopt;
}

std::string user_name(uid_t uid) {
  const passwd* entry = ::getpwuid(uid);
  return (entry != nullptr ? std::string(entry->pw_name) : "?") + " (uid " + std::to_string(uid) +
         ")";
}

Error bind_error(const SocketAddress& address, int code) {
  Error error = errno_error("bind", code);
  if (code == EACCES && address.port() != 0 && address.port() < 1024) {
    error.what += "; a port below 1024 needs CAP_NET_BIND_SERVICE or a systemd socket unit";
  }
  if (code != EADDRINUSE || address.is_unix()) return error;
  const std::optional<uid_t> owner = listener_owner(address.port());
  if (!owner) return error;
  error.what += "; user " + user_name(*owner) + " listens there";
  if (*owner != ::geteuid()) {
    error.what +=
        ". The kernel lets only sockets of one user share a port with SO_REUSEPORT (the uid"
        " rule), and we are " +
        user_name(::geteuid()) +
        ": stop the other program, choose another port, or pass the socket with a systemd"
        " socket unit";
  } else {
    error.what += ": stop the other program or choose another port";
  }
  return error;
}

// A Unix socket that nobody accepts on any more is left over from a dead process.
void remove_stale_socket(const SocketAddress& address) {
  struct stat st {};
  const std::string path(address.path());
  if (::lstat(path.c_str(), &st) != 0 || !S_ISSOCK(st.st_mode)) return;
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe || ::connect(probe.get(), address.get(), address.size()) == 0) return;
  if (errno == ECONNREFUSED) ::unlink(path.c_str());
}

Result<UniqueFd> bind_unix(const SocketAddress& address, int backlog, mode_t mode) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("socket");
  remove_stale_socket(address);
  const std::string path(address.path());
  // The node must never exist with wider access than wanted, so the mask does it and not a chmod
  // after.
  const mode_t old_mask = ::umask(0777 & ~mode);
  const int bound = ::bind(fd.get(), address.get(), address.size());
  const int code = errno;
  ::umask(old_mask);
  if (bound != 0) return bind_error(address, code);
  if (::listen(fd.get(), backlog) != 0) return errno_error("listen");
  return fd;
}

// With SO_REUSEPORT a second daemon of our user would join the first one's group without an error
// and take a part of its connections. A socket without the option is refused there.
Result<void> check_unused(const SocketAddress& address) {
  const UniqueFd probe(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe) return errno_error("socket");
  TRY(set_option(probe.get(), SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR"));
  if (::bind(probe.get(), address.get(), address.size()) != 0) return bind_error(address, errno);
  return {};
}

Result<UniqueFd> bind_tcp(const SocketAddress& address, Sharing sharing, int backlog) {
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("socket");
  // REUSEADDR: connections of a former run in TIME_WAIT must not keep us from the port.
  TRY(set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR"));
  if (sharing == Sharing::ReusePort) {
    TRY(check_unused(address));
    TRY(set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT"));
  }
  TRY(make_prompt(fd.get()));
  if (::bind(fd.get(), address.get(), address.size()) != 0) return bind_error(address, errno);
  if (::listen(fd.get(), backlog) != 0) return bind_error(address, errno);
  return fd;
}

struct SocketOption {
  int level;
  int option;
  const char* name;
  bool is_doubled = false;  // the kernel answers twice what was set (socket(7))
};

// What a clone must have of its original. The first ones decide whether it is in the same group, or
// gets traffic at all (measured: with another V6ONLY or without the device it binds without an
// error and then gets nothing). The others are handed on to accepted connections: what a socket
// unit sets (KeepAlive=, NoDelay=, Priority=, ...) must hold in every slot.
constexpr SocketOption kCopied[] = {
    {IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY"},
    {IPPROTO_IP, IP_FREEBIND, "IP_FREEBIND"},
    {SOL_SOCKET, SO_BINDTODEVICE, "SO_BINDTODEVICE"},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, "TCP_DEFER_ACCEPT"},
    {SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE"},
    {IPPROTO_TCP, TCP_KEEPIDLE, "TCP_KEEPIDLE"},
    {IPPROTO_TCP, TCP_KEEPINTVL, "TCP_KEEPINTVL"},
    {IPPROTO_TCP, TCP_KEEPCNT, "TCP_KEEPCNT"},
    {IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY"},
    {IPPROTO_TCP, TCP_CONGESTION, "TCP_CONGESTION"},
    {SOL_SOCKET, SO_PRIORITY, "SO_PRIORITY"},
    {SOL_SOCKET, SO_MARK, "SO_MARK"},
    {SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF", true},
    {SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF", true},
    {IPPROTO_IP, IP_TOS, "IP_TOS"},
    {IPPROTO_IP, IP_TTL, "IP_TTL"},
    {IPPROTO_IPV6, IPV6_TCLASS, "IPV6_TCLASS"},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, "IPV6_UNICAST_HOPS"},
};

// The value as the kernel gives it; empty where this kind of socket does not have the option.
Result<std::string> option_value(int fd, const SocketOption& option) {
  std::string value(64, '\0');
  auto size = static_cast<socklen_t>(value.size());
  if (::getsockopt(fd, option.level, option.option, value.data(), &size) != 0) {
    if (errno != EOPNOTSUPP && errno != ENOPROTOOPT) return errno_error(option.name);
    size = 0;
  }
  value.resize(size);
  return value;
}

Result<void> copy_options(int from, int to) {
  TRY(set_option(to, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR"));
  TRY(set_option(to, SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT"));
  for (const SocketOption& option : kCopied) {
    const std::string value = TRY(option_value(from, option));
    if (value == TRY(option_value(to, option))) continue;
    if (option.is_doubled) {
      const int half = TRY(get_option(from, option.level, option.option, option.name)) / 2;
      TRY(set_option(to, option.level, option.option, option.name, half));
    } else if (::setsockopt(to, option.level, option.option, value.data(),
                            static_cast<socklen_t>(value.size())) != 0) {
      return errno_error(option.name);
    }
  }
  return {};
}

Result<void> copy_owner(int from, int to) {
  struct stat original {};
  struct stat clone {};
  if (::fstat(from, &original) != 0 || ::fstat(to, &clone) != 0) return errno_error("fstat");
  if (original.st_uid == clone.st_uid) return {};
  if (::fchown(to, original.st_uid, static_cast<gid_t>(-1)) == 0) return {};
  Error error = errno_error("fchown");
  error.what += "; the socket belongs to " + user_name(original.st_uid) +
                ", and only sockets of one user share a port (the uid rule): give the service"
                " CAP_CHOWN, or repeat the ListenStream= line in the socket unit once a worker"
                " (sockherdctl unit --slots N prints it)";
  return error;
}

}  // namespace

Result<UniqueFd> bind_listener(const SocketAddress& address, Sharing sharing, int backlog,
                               mode_t mode) {
  auto fd =
      address.is_unix() ? bind_unix(address, backlog, mode) : bind_tcp(address, sharing, backlog);
  if (!fd) return std::move(fd).error().in("listen on " + address.text());
  return fd;
}

Result<UniqueFd> clone_listener(int original) {
  const SocketAddress address = TRY(SocketAddress::of_socket(original));
  TRY(set_option(original, SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT"));
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("socket");
  if (TRY(netns_cookie(original)) != TRY(netns_cookie(fd.get()))) {
    return Error{
        EINVAL,
        "the socket of " + address.text() +
            " is in another network namespace, where our clones would get no traffic: remove"
            " PrivateNetwork=, or repeat the ListenStream= line once a worker"};
  }
  TRY(copy_options(original, fd.get()));
  TRY(copy_owner(original, fd.get()));
  if (::bind(fd.get(), address.get(), address.size()) != 0) return bind_error(address, errno);
  const AcceptQueue queue = accept_queue(original);
  const int backlog = queue.limit > 0 ? static_cast<int>(queue.limit) : SOMAXCONN;
  if (::listen(fd.get(), backlog) != 0) return errno_error("listen");
  return fd;
}

Result<void> check_clone(int original, int clone) {
  const SocketAddress wanted = TRY(SocketAddress::of_socket(original));
  const SocketAddress address = TRY(SocketAddress::of_socket(clone));
  if (!(address == wanted)) {
    return Error{EINVAL, "listens at " + address.text() + ", not at " + wanted.text()};
  }
  if (TRY(netns_cookie(original)) != TRY(netns_cookie(clone))) {
    return Error{EINVAL, "is in another network namespace"};
  }
  constexpr SocketOption kDecisive[] = {
      {IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY"},
      {SOL_SOCKET, SO_BINDTODEVICE, "SO_BINDTODEVICE"},
  };
  for (const SocketOption& option : kDecisive) {
    if (TRY(option_value(original, option)) == TRY(option_value(clone, option))) continue;
    return Error{EINVAL, std::string("has another ") + option.name};
  }
  struct stat owner {};
  struct stat other {};
  if (::fstat(original, &owner) != 0 || ::fstat(clone, &other) != 0) return errno_error("fstat");
  if (owner.st_uid != other.st_uid) {
    return Error{EINVAL, "belongs to " + user_name(other.st_uid) + ", not to " +
                             user_name(owner.st_uid) + " (the uid rule)"};
  }
  return {};
}

uint64_t socket_cookie(int fd) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

Result<void> check_listener(int fd) {
  const int type = TRY(get_option(fd, SOL_SOCKET, SO_TYPE, "SO_TYPE"));
  const int family = TRY(get_option(fd, SOL_SOCKET, SO_DOMAIN, "SO_DOMAIN"));
  if (type != SOCK_STREAM || (family != AF_INET && family != AF_INET6 && family != AF_UNIX)) {
    return Error{EINVAL, "not a TCP or Unix stream socket (ListenStream=)"};
  }
  if (TRY(get_option(fd, SOL_SOCKET, SO_ACCEPTCONN, "SO_ACCEPTCONN")) == 0) {
    return Error{EINVAL, "not a listening socket (is Accept=yes set in the socket unit?)"};
  }
  return {};
}

Result<void> make_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return errno_error("F_GETFL");
  if (::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return errno_error("F_SETFL");
  return {};
}

Result<void> make_blocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0) return errno_error("fcntl");
  return {};
}

Result<void> make_prompt(int fd) {
  if (TRY(get_option(fd, SOL_SOCKET, SO_DOMAIN, "SO_DOMAIN")) == AF_UNIX) return {};
  return set_option(fd, IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY");
}

AcceptQueue accept_queue(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return {info.tcpi_unacked, info.tcpi_sacked};
}

}  // namespace sockherd::sys
