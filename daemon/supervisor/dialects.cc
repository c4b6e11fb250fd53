#include "daemon/supervisor/dialects.h"

#include <string_view>

namespace sockherd::supervisor {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

std::string server_starter_port(const std::vector<PassedListener>& passed) {
  std::string all;
  for (const PassedListener& one : passed) {
    const bool is_unix = one.address.starts_with(kUnixPrefix);
    const std::string where = is_unix ? one.address.substr(kUnixPrefix.size()) : one.address;
    all += (all.empty() ? "" : ";") + where + "=" + std::to_string(one.fd);
  }
  return "SERVER_STARTER_PORT=" + all;
}

std::string_view family_of(const std::string& address) {
  if (address.starts_with(kUnixPrefix)) return "AF_UNIX";
  return address.starts_with('[') ? "AF_INET6" : "AF_INET";
}

void add_einhorn(const std::vector<PassedListener>& passed, int parent,
                 std::vector<std::string>& variables) {
  std::string all;
  for (size_t i = 0; i < passed.size(); ++i) {
    const std::string fd = std::to_string(passed[i].fd);
    const std::string number = std::to_string(i);
    all += (all.empty() ? "" : " ") + fd;
    variables.push_back("EINHORN_FD_" + number + "=" + fd);
    variables.push_back("EINHORN_FD_FAMILY_" + number + "=" +
                        std::string(family_of(passed[i].address)));
  }
  variables.push_back("EINHORN_FDS=" + all);
  variables.push_back("EINHORN_FD_COUNT=" + std::to_string(passed.size()));
  variables.push_back("EINHORN_MASTER_PID=" + std::to_string(parent));
}

}  // namespace

std::vector<std::string> dialect_variables(const std::vector<std::string>& dialects,
                                           const std::vector<PassedListener>& passed, int parent) {
  std::vector<std::string> variables;
  for (const std::string& name : dialects) {
    if (name == "server-starter") variables.push_back(server_starter_port(passed));
    if (name == "einhorn") add_einhorn(passed, parent, variables);
  }
  return variables;
}

}  // namespace sockherd::supervisor
