#include "daemon/bus/control_path.h"

#include <unistd.h>

#include <cstdlib>

namespace sockherd::bus {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

RuntimeEnvironment RuntimeEnvironment::of_process() {
  return {.runtime_directory = variable("RUNTIME_DIRECTORY"),
          .user_directory = variable("XDG_RUNTIME_DIR"),
          .is_root = ::geteuid() == 0};
}

std::string runtime_directory(const RuntimeEnvironment& environment) {
  const std::string& all = environment.runtime_directory;
  if (!all.empty()) return all.substr(0, all.find(':'));
  const std::string& of_user = environment.user_directory;
  if (!environment.is_root && !of_user.empty()) return of_user + "/sockherd";
  return std::string(kUsualDirectory);
}

std::string control_path(std::string_view directory) {
  return std::string(directory) + "/control";
}

std::string control_path_of_instance(std::string_view name) {
  return control_path(std::string(kUsualDirectory) + "@" + std::string(name));
}

std::string control_path_for_client(const RuntimeEnvironment& environment) {
  std::string own = control_path(runtime_directory(environment));
  const bool is_there = !environment.runtime_directory.empty() || ::access(own.c_str(), F_OK) == 0;
  return is_there ? own : control_path(kUsualDirectory);
}

}  // namespace sockherd::bus
