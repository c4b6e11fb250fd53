// Memory that processes share: memory files (memfd_create(2)) and their mappings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"

namespace sockherd::sys {

// A new memory file of `bytes` zero bytes whose size is sealed, so that a mapping of it never
// faults. Only our own user can open it anew. name: shown in /proc/PID/maps.
Result<UniqueFd> create_memory_file(const std::string& name, size_t bytes);

// A memory file that holds `content` and can never change again (sealed against writes).
Result<UniqueFd> create_sealed_file(const std::string& name, std::string_view content);

// The whole content of a memory file; reads from the start whatever the file offset is.
Result<std::string> read_memory_file(int fd);

// A second descriptor of the same memory file that can only be read and mapped read-only.
Result<UniqueFd> reopen_read_only(int fd);

enum class Access { Read, ReadWrite };

// Mapping: the one owner of a mapped range; unmaps it.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  // Maps the whole file, shared.
  static Result<Mapping> create(int fd, Access access);
  // Maps the first bytes of what does not tell its size, such as a BPF map.
  static Result<Mapping> create(int fd, size_t bytes, Access access);
  // Maps a part of the file, from a page on, that has no place in a core dump: what nobody has
  // written would become memory by that.
  static Result<Mapping> create_part(int fd, uint64_t offset, size_t bytes, Access access);

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit Mapping(std::span<std::byte> bytes) : bytes_(bytes) {}
  std::span<std::byte> bytes_;
};

}  // namespace sockherd::sys
