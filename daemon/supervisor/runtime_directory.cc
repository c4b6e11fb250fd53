#include "daemon/supervisor/runtime_directory.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "daemon/base/parse.h"

namespace sockherd::supervisor {
namespace {

constexpr std::string_view kUsual = "/run/sockherd";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Of "notify.12" and "worker.12"; nothing of every other name.
std::optional<fleet::WorkerId> worker_of(std::string_view name) {
  for (const std::string_view prefix : {"notify.", "worker."}) {
    if (name.starts_with(prefix)) return parse_number<fleet::WorkerId>(name.substr(prefix.size()));
  }
  return std::nullopt;
}

}  // namespace

std::string runtime_directory(const config::Daemon& daemon) {
  if (!daemon.runtime_directory.empty()) return daemon.runtime_directory;
  // systemd lists several directories with colons; the first one is ours.
  if (const std::string all = variable("RUNTIME_DIRECTORY"); !all.empty()) {
    return all.substr(0, all.find(':'));
  }
  const std::string of_user = variable("XDG_RUNTIME_DIR");
  if (::geteuid() != 0 && !of_user.empty()) return of_user + "/sockherd";
  return std::string(kUsual);
}

void follow_runtime_directory(config::Config& config, bool is_address_said) {
  const std::string directory = runtime_directory(config.daemon);
  if (is_address_said || directory == kUsual) return;
  const std::string usual = "unix:" + std::string(kUsual) + "/";
  for (std::string& address : config.admin.address) {
    if (address.starts_with(usual)) {
      address = "unix:" + directory + "/" + address.substr(usual.size());
    }
  }
}

void remove_stale_files(const std::string& directory,
                        const std::function<bool(fleet::WorkerId)>& is_living) {
  std::error_code error;
  std::vector<std::filesystem::path> stale;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto worker = worker_of(entry->path().filename().native());
    if (worker && !is_living(*worker)) stale.push_back(entry->path());
  }
  for (const std::filesystem::path& path : stale) {
    std::filesystem::remove(path / "socket", error);  // of a directory
    std::filesystem::remove(path, error);             // what else is in it is not ours
  }
}

}  // namespace sockherd::supervisor
