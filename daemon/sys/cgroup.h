// Control groups (cgroups(7), version 2) below the one that the service manager has delegated to us
// (Delegate=): a folder each, with files that are read and written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"

namespace sockherd::sys {

// The folder of the group that this process is in.
// proc_text: what /proc/self/cgroup says; mount: of the hierarchies.
std::optional<std::string> own_cgroup(std::string_view proc_text,
                                      const std::string& mount = "/sys/fs/cgroup");

struct Delegation {
  std::string path;           // of the folder
  bool is_in_a_leaf = false;  // we were started in a group below it (DelegateSubgroup=)
};

// The delegated group that this process is in. Nothing where there is none; systemd marks them
// (user.delegate, from version 251 on; trusted.delegate, which only root reads).
std::optional<Delegation> find_delegation(std::string_view proc_text,
                                          const std::string& mount = "/sys/fs/cgroup");

// Makes a group; one that is there already will do.
Result<void> create_cgroup(const std::string& path);

// cgroup.procs of a group, to be written to: "0" moves the writer there.
Result<UniqueFd> open_cgroup_members(const std::string& path);

// Writes a file of a group. Errors: as the kernel says, with the name of the file.
Result<void> write_cgroup(const std::string& path, const char* file, std::string_view text);

// A number that stands in a file of a group: behind `key` in a table of them, or alone.
std::optional<uint64_t> read_cgroup(const std::string& path, const char* file,
                                    std::string_view key = "");

}  // namespace sockherd::sys
