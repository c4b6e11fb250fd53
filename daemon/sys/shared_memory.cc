#include "daemon/sys/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sockherd::sys {

Result<UniqueFd> create_memory_file(const std::string& name, size_t bytes) {
  UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return errno_error("memfd_create");
  // Memory files are born 0777: whoever holds a read-only descriptor could open it anew for
  // writing.
  if (::fchmod(fd.get(), 0600) != 0) return errno_error("fchmod");
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return errno_error("ftruncate");
  // F_SEAL_SEAL: nor may one holder seal it against the writes of the others.
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_GROW | F_SEAL_SHRINK;
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return errno_error("F_ADD_SEALS");
  return fd;
}

Result<UniqueFd> create_sealed_file(const std::string& name, std::string_view content) {
  UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return errno_error("memfd_create");
  while (!content.empty()) {
    const ssize_t written = ::write(fd.get(), content.data(), content.size());
    if (written < 0) return errno_error("write to memory file");
    content.remove_prefix(static_cast<size_t>(written));
  }
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE;
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return errno_error("F_ADD_SEALS");
  return fd;
}

Result<std::string> read_memory_file(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return errno_error("fstat");
  std::string content(static_cast<size_t>(st.st_size), '\0');
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t got =
        ::pread(fd, content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (got < 0) return errno_error("pread");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  content.resize(done);
  return content;
}

Result<UniqueFd> reopen_read_only(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  UniqueFd reopened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!reopened) return errno_error("open " + path);
  return reopened;
}

Mapping::Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

Mapping::~Mapping() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

Result<Mapping> Mapping::create(int fd, Access access) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return errno_error("fstat");
  return create(fd, static_cast<size_t>(st.st_size), access);
}

Result<Mapping> Mapping::create(int fd, size_t bytes, Access access) {
  const int protection = access == Access::Read ? PROT_READ : PROT_READ | PROT_WRITE;
  void* base = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return errno_error("mmap");
  return Mapping({static_cast<std::byte*>(base), bytes});
}

Result<Mapping> Mapping::create_part(int fd, uint64_t offset, size_t bytes, Access access) {
  const int protection = access == Access::Read ? PROT_READ : PROT_READ | PROT_WRITE;
  void* base = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (base == MAP_FAILED) return errno_error("mmap");
  ::madvise(base, bytes, MADV_DONTDUMP);
  return Mapping({static_cast<std::byte*>(base), bytes});
}

}  // namespace sockherd::sys
