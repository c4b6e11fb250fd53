#include "daemon/worker/directory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sockherd::worker {
namespace {

// O_NONBLOCK: opening a FIFO does not wait for a writer. It means nothing for regular files.
constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

// glibc 2.36 has no wrapper.
UniqueFd open_beneath(int directory, const char* relative) {
  open_how how{};
  how.flags = kOpenFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, directory, relative, &how, sizeof how)));
}

OpenFault fault_of(int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:  // a symbolic link too many, or (walking) any
    case EXDEV:  // leads outside
    case ENXIO:  // a socket, or a device without a driver
    case ENODEV:
      return OpenFault::NotFound;
    case EACCES:
    case EPERM:
      return OpenFault::Forbidden;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
      return OpenFault::Exhausted;
    default:
      return OpenFault::Failed;
  }
}

OpenedFile failed(OpenFault fault) {
  return {.fault = fault, .fd = {}, .status = {}};
}

}  // namespace

Result<Directory> Directory::open(const std::string& path) {
  Directory directory = TRY(open(path, Lookup::Kernel));
  const bool has_openat2 = static_cast<bool>(open_beneath(directory.fd_.get(), "."));
  if (!has_openat2) directory.lookup_ = Lookup::Walk;
  return directory;
}

Result<Directory> Directory::open(const std::string& path, Lookup lookup) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno_error("open " + path);
  return Directory(std::move(fd), lookup);
}

OpenedFile Directory::open_file(const std::string& relative) const {
  UniqueFd fd = look_up(relative);
  if (!fd) return failed(fault_of(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return failed(fault_of(errno));
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return failed(OpenFault::NotFound);
  return {.fault = OpenFault::None, .fd = std::move(fd), .status = status};
}

// Empty with errno set where it fails.
UniqueFd Directory::look_up(const std::string& relative) const {
  if (lookup_ == Lookup::Walk) return walk(relative);
  constexpr int kTries = 8;  // EAGAIN: something was renamed while ".." of a link was resolved
  UniqueFd fd;
  for (int i = 0; i < kTries; ++i) {
    fd = open_beneath(fd_.get(), relative.c_str());
    if (fd || errno != EAGAIN) break;
  }
  return fd;
}

UniqueFd Directory::walk(const std::string& relative) const {
  UniqueFd parent;
  size_t begin = 0;
  for (size_t slash = 0; (slash = relative.find('/', begin)) != std::string::npos;) {
    const std::string segment = relative.substr(begin, slash - begin);
    const int from = parent ? parent.get() : fd_.get();
    UniqueFd child(::openat(from, segment.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!child) return {};
    parent = std::move(child);
    begin = slash + 1;
  }
  const int from = parent ? parent.get() : fd_.get();
  return UniqueFd(::openat(from, relative.c_str() + begin, kOpenFlags | O_NOFOLLOW));
}

}  // namespace sockherd::worker
