#include "admin/api/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "daemon/base/result.h"

namespace sockherd::api {
namespace {

// capset(2) has no wrapper in glibc. Version 3 takes two sets of 32 bits.
bool clear_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  return ::syscall(SYS_capset, &header, none.data()) == 0;
}

}  // namespace

std::vector<std::string> drop_privileges() {
  std::vector<std::string> refused;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    refused.push_back(errno_error("PR_SET_NO_NEW_PRIVS").what);
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    refused.push_back(errno_error("PR_CAP_AMBIENT_CLEAR_ALL").what);
  if (!clear_capabilities()) refused.push_back(errno_error("capset").what);
  return refused;
}

}  // namespace sockherd::api
