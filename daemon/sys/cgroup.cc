#include "daemon/sys/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "daemon/base/parse.h"
#include "daemon/sys/file.h"

namespace sockherd::sys {
namespace {

bool is_delegated(const std::string& path) {
  for (const char* name : {"user.delegate", "trusted.delegate"}) {
    char value = 0;
    if (::getxattr(path.c_str(), name, &value, sizeof value) == 1 && value == '1') return true;
  }
  return false;
}

// Alone, or beside those of version 1.
std::string root_of(const std::string& mount) {
  return ::access((mount + "/cgroup.controllers").c_str(), F_OK) == 0 ? mount : mount + "/unified";
}

}  // namespace

std::optional<std::string> own_cgroup(std::string_view proc_text, const std::string& mount) {
  constexpr std::string_view kVersion2 = "0::/";
  while (!proc_text.empty()) {
    const size_t end = proc_text.find('\n');
    const std::string_view line = proc_text.substr(0, end);
    proc_text.remove_prefix(end == proc_text.npos ? proc_text.size() : end + 1);
    if (!line.starts_with(kVersion2)) continue;
    return root_of(mount) + std::string(line.substr(kVersion2.size() - 1));
  }
  return std::nullopt;
}

std::optional<Delegation> find_delegation(std::string_view proc_text, const std::string& mount) {
  const std::optional<std::string> path = own_cgroup(proc_text, mount);
  if (!path) return std::nullopt;
  if (is_delegated(*path)) return Delegation{*path, false};
  const std::string parent = path->substr(0, path->rfind('/'));
  if (parent.size() > mount.size() && is_delegated(parent)) return Delegation{parent, true};
  return std::nullopt;
}

Result<void> create_cgroup(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return errno_error("create " + path);
  return {};
}

Result<UniqueFd> open_cgroup_members(const std::string& path) {
  UniqueFd fd(::open((path + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno_error("open " + path + "/cgroup.procs");
  return fd;
}

Result<void> write_cgroup(const std::string& path, const char* file, std::string_view text) {
  const std::string name = path + "/" + file;
  const UniqueFd fd(::open(name.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno_error("open " + name);
  if (::write(fd.get(), text.data(), text.size()) < 0) return errno_error("write " + name);
  return {};
}

std::optional<uint64_t> read_cgroup(const std::string& path, const char* file,
                                    std::string_view key) {
  const auto content = read_file(path + "/" + file);
  if (!content.ok()) return std::nullopt;
  std::string_view text = content.value();
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (!line.starts_with(key)) continue;
    line.remove_prefix(key.size());
    if (!key.empty()) {
      if (!line.starts_with(' ')) continue;
      line.remove_prefix(1);
    }
    return parse_number<uint64_t>(line);
  }
  return std::nullopt;
}

}  // namespace sockherd::sys
