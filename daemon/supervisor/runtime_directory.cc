#include "daemon/supervisor/runtime_directory.h"

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "daemon/base/parse.h"
#include "daemon/bus/control_path.h"

namespace sockherd::supervisor {
namespace {

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
  return bus::runtime_directory(bus::RuntimeEnvironment::of_process());
}

void follow_runtime_directory(config::Config& config, bool is_address_said) {
  const std::string directory = runtime_directory(config.daemon);
  if (is_address_said || directory == bus::kUsualDirectory) return;
  const std::string usual = "unix:" + std::string(bus::kUsualDirectory) + "/";
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
