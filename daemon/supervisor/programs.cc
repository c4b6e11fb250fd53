#include "daemon/supervisor/programs.h"

#include <unistd.h>

#include <array>
#include <climits>

namespace sockherd::supervisor {

Result<std::string> find_program(const std::string& name) {
  std::array<char, PATH_MAX> self{};
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
  if (length < 0) return errno_error("readlink /proc/self/exe");
  std::string directory(self.data(), static_cast<size_t>(length));
  directory.resize(directory.rfind('/'));
  for (const char* place : {"/", "/../libexec/sockherd/", "/../lib/sockherd/"}) {
    std::string path = directory;
    path.append(place).append(name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return Error{ENOENT, name + " is neither in " + directory + " nor in " + directory +
                           "/../libexec/sockherd: install it, or build all targets"};
}

}  // namespace sockherd::supervisor
