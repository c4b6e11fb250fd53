#include "daemon/sys/account.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/base/parse.h"

namespace sockherd::sys {
namespace {

bool find_user(const std::string& user, FoundAccount& found) {
  const auto number = parse_number<uid_t>(user);
  errno = 0;
  const passwd* entry = nullptr;
  if (user.empty()) {
    entry = ::getpwuid(::geteuid());
  } else {
    entry = ::getpwnam(user.c_str());
    if (entry == nullptr && number) entry = ::getpwuid(*number);
  }
  if (entry == nullptr) {
    // A number needs no entry: its group is then the one of the same number.
    if (!number && !user.empty()) return false;
    found.uid = number ? *number : ::geteuid();
    found.gid = number ? *number : ::getegid();
    return true;
  }
  found = {.uid = entry->pw_uid,
           .gid = entry->pw_gid,
           .name = entry->pw_name,
           .home = entry->pw_dir,
           .shell = entry->pw_shell};
  return true;
}

bool find_group(const std::string& group, FoundAccount& found) {
  if (group.empty()) return true;
  errno = 0;
  if (const ::group* entry = ::getgrnam(group.c_str()); entry != nullptr) {
    found.gid = entry->gr_gid;
    return true;
  }
  const auto number = parse_number<gid_t>(group);
  if (number) found.gid = *number;
  return number.has_value();
}

bool set_groups(const FoundAccount& account) {
  if (!account.name.empty()) return ::initgroups(account.name.c_str(), account.gid) == 0;
  return ::setgroups(1, &account.gid) == 0;
}

}  // namespace

bool find_account(const Account& account, FoundAccount& found, AccountFault& fault) {
  fault.step = AccountStep::FindUser;
  bool is_found = find_user(account.user, found);
  if (is_found) {
    fault.step = AccountStep::FindGroup;
    is_found = find_group(account.group, found);
  }
  // "Not there" may look like one of these (getpwnam(3)).
  fault.code = errno == ENOENT || errno == ESRCH || errno == EPERM ? 0 : errno;
  return is_found;
}

bool become(const FoundAccount& account, AccountFault& fault) {
  fault.step = AccountStep::Become;
  if (account.uid == ::geteuid() && account.gid == ::getegid() && ::geteuid() != 0) return true;
  const bool done = set_groups(account) &&
                    ::setresgid(account.gid, account.gid, account.gid) == 0 &&
                    ::setresuid(account.uid, account.uid, account.uid) == 0;
  fault.code = errno;
  return done;
}

std::vector<std::string> account_variables(const FoundAccount& account) {
  std::vector<std::string> variables;
  if (!account.name.empty()) {
    variables = {"USER=" + account.name, "LOGNAME=" + account.name};
  }
  if (!account.home.empty()) variables.push_back("HOME=" + account.home);
  if (!account.shell.empty()) variables.push_back("SHELL=" + account.shell);
  return variables;
}

}  // namespace sockherd::sys
