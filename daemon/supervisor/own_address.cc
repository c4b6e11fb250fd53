#include "daemon/supervisor/own_address.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace sockherd::supervisor {
namespace {

constexpr char kNode[] = "/socket";

bool says_socket(const config::Pool& pool) {
  const auto says = [](const std::string& text) { return text.find("{socket}") != text.npos; };
  return std::any_of(pool.command.begin(), pool.command.end(), says) ||
         std::any_of(pool.environment.begin(), pool.environment.end(), says);
}

void remove_node(const std::string& directory) {
  ::unlink((directory + kNode).c_str());
  ::rmdir(directory.c_str());
}

}  // namespace

std::string OwnAddress::port() const {
  return address.is_unix() ? "" : std::to_string(address.port());
}

std::string OwnAddress::socket() const {
  return std::string(address.path());
}

Result<OwnAddress> OwnAddresses::create(const config::Pool& pool, fleet::WorkerId id) {
  if (says_socket(pool)) return create_socket(id);
  sys::FreePorts::Port port = TRY(ports_.take());
  return OwnAddress{TRY(sys::SocketAddress::parse("127.0.0.1:" + std::to_string(port.number))),
                    std::move(port.claim)};
}

Result<OwnAddress> OwnAddresses::create_socket(fleet::WorkerId id) const {
  const std::string directory = directory_of(id);
  OwnAddress own{TRY(sys::SocketAddress::parse("unix:" + directory + kNode)), {}};
  // Of a predecessor that has lost its memory: ids begin anew then.
  remove_node(directory);
  if (::mkdir(directory.c_str(), 0700) != 0) return errno_error("create " + directory);
  // Not by mkdir: our own umask is that of a unit. The group is that of the program's user, which
  // the one who proxies has to be in (docs/commands.md).
  if (::chmod(directory.c_str(), 0770) != 0) return errno_error("open " + directory);
  return own;
}

Result<OwnAddress> OwnAddresses::adopt(const std::string& text) {
  OwnAddress own{TRY(sys::SocketAddress::parse(text)), {}};
  if (own.address.is_unix()) return own;
  // Its program listens there, which keeps others away as well.
  if (auto claim = sys::FreePorts::claim(own.address.port()); claim.ok()) {
    own.claim = std::move(claim).value();
  }
  return own;
}

std::string OwnAddresses::directory_of(fleet::WorkerId id) const {
  return directory_ + "/worker." + std::to_string(id);
}

void OwnAddresses::remove(fleet::WorkerId id) const {
  remove_node(directory_of(id));
}

void OwnAddresses::remove(const OwnAddress& own) {
  const std::string path(own.address.path());
  if (!path.ends_with(kNode)) return;
  remove_node(path.substr(0, path.size() - (sizeof kNode - 1)));
}

}  // namespace sockherd::supervisor
