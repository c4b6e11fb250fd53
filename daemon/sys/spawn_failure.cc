#include "daemon/sys/spawn_failure.h"

namespace sockherd::sys {
namespace {

std::string account_text(const Account& account) {
  std::string text = account.user.empty() ? "" : "user " + account.user;
  if (!account.group.empty()) text += (text.empty() ? "group " : " and group ") + account.group;
  return text;
}

// "find the user nobdy of node: there is no such user".
Error not_found(const std::string& what, const std::string& name, int code,
                const std::string& program) {
  const std::string call = "find the " + what + " " + name + " of " + program;
  if (code != 0) return errno_error(call, code);
  return {ENOENT, call + ": there is no such " + what};
}

Error explain_exec(int code, const SpawnSubject& subject) {
  Error error = errno_error("exec " + subject.program, code);
  const bool has_place = subject.program.find('/') != std::string::npos;
  if (code == ENOENT && !has_place) {
    error.what += "; it is nowhere in PATH";
    if (!subject.path.empty()) error.what += " (" + subject.path + ")";
    error.what += ": name it by its absolute path";
  } else if (code == ENOENT) {
    error.what += "; if it is there, the interpreter of its first line is not";
  } else if (code == EACCES && !subject.account.is_ours()) {
    error.what += "; " + account_text(subject.account) + " must be able to reach and to execute it";
  }
  return error;
}

Error with_remedy(Error error, bool applies, const char* remedy) {
  if (applies) error.what += remedy;
  return error;
}

}  // namespace

Error explain(const SpawnFailure& failure, const SpawnSubject& subject) {
  const int code = failure.code;
  const std::string& program = subject.program;
  switch (failure.stage) {
    case SpawnStage::Descriptors:
      return errno_error("pass the sockets to " + program, code);
    case SpawnStage::Output:
      return errno_error("take the output of " + program, code);
    case SpawnStage::Group:
      return errno_error("enter the control group of " + program, code);
    case SpawnStage::Limit:
      return with_remedy(errno_error("set the descriptor limit of " + program, code),
                         code == EINVAL || code == EPERM,
                         "; it is more than the hard limit: raise LimitNOFILE= of the unit");
    case SpawnStage::Identity:
      return errno_error("change the user of " + program, code);
    case SpawnStage::FindUser:
      return not_found("user", subject.account.user, code, program);
    case SpawnStage::FindGroup:
      return not_found("group", subject.account.group, code, program);
    case SpawnStage::Become:
      return with_remedy(
          errno_error("run " + program + " as " + account_text(subject.account), code),
          code == EPERM,
          "; sockherd must be root for that, or have CAP_SETUID, CAP_SETGID and CAP_KILL "
          "(AmbientCapabilities= and CapabilityBoundingSet= of the unit: users.conf among its "
          "examples)");
    case SpawnStage::Directory:
      return errno_error("start " + program + " in " + subject.directory, code);
    case SpawnStage::Exec:
      return explain_exec(code, subject);
  }
  return errno_error("start " + program, code);
}

}  // namespace sockherd::sys
