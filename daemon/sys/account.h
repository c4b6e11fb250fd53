// Account: the user and the group of the system that a program runs as.
//
// Looked up in the child, between fork and exec: a directory service that does not answer must not
// hold the supervisor up. The parent has one thread, so the child may call what it likes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sockherd::sys {

struct Account {
  std::string user;   // a name or a number; "" = our own
  std::string group;  // a name or a number; "" = that of the user

  bool is_ours() const { return user.empty() && group.empty(); }
};

struct FoundAccount {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;       // of the user; "" where the number has none
  std::string home = "";  // "" = unknown
  std::string shell = "";
};

// What failed, as it is reported to the parent. errno says why; 0 = it is not there.
enum class AccountStep : uint8_t { FindUser, FindGroup, Become };

struct AccountFault {
  AccountStep step = AccountStep::FindUser;
  int code = 0;
};

// True, or false and the fault. Asks the system's directories, and may take its time.
bool find_account(const Account& account, FoundAccount& found, AccountFault& fault);

// Becomes it for good, with all groups of the user. Nothing is changed, and no privilege needed,
// where we are it already.
bool become(const FoundAccount& account, AccountFault& fault);

// "NAME=value" of HOME, USER, LOGNAME and SHELL, as far as they are known.
std::vector<std::string> account_variables(const FoundAccount& account);

}  // namespace sockherd::sys
