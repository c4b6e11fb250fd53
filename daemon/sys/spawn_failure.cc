#include "daemon/sys/spawn_failure.h"

namespace sockherd::sys {
namespace {

std::string account_text(const Account& account) {
  std::string text = account.user.empty() ? "" : "user " + account.user;
  if (!account.group.empty()) text += (text.empty() ? "group " : " and group ") + account.group;
  return text;
}

// "find the user nobdy of node: there is no such user; create it with ...".
Error not_found(const std::string& what, const std::string& name, int code,
                const std::string& program) {
  const std::string call = "find the " + what + " " + name + " of " + program;
  if (code != 0) return errno_error(call, code);
  const std::string remedy = what == "user" ? "useradd --system " : "groupadd --system ";
  return {ENOENT, call + ": there is no such " + what + "; create it with " + remedy + name +
                      ", or name another one"};
}

// What ProtectHome= of the unit makes of them looks like a matter of access bits.
std::string home_remedy(int code, const std::string& path) {
  for (const char* top : {"/home/", "/root/", "/run/user/"}) {
    if (code == EACCES && path.starts_with(top)) {
      return "; the unit hides home directories: home.conf among its examples shows them";
    }
  }
  return "";
}

std::string exec_remedy(int code, const SpawnSubject& subject) {
  switch (code) {
    case ENOENT:
      if (subject.program.find('/') != std::string::npos) {
        return "install it, or say in command where it is";
      }
      return "it is nowhere in PATH" + (subject.path.empty() ? "" : " (" + subject.path + ")") +
             ": name it by its absolute path";
    case EACCES:
      if (!subject.account.is_ours()) {
        return account_text(subject.account) + " must be able to reach and to execute it";
      }
      return "it must be executable (chmod +x), be no directory, and be on no file system that is "
             "mounted with noexec";
    case ENOEXEC:
      return "it is no program for this machine, and no script that begins with #!: name its "
             "interpreter first in command";
    default:
      return "";
  }
}

Error explain_exec(int code, const SpawnSubject& subject) {
  Error error = errno_error("exec " + subject.program, code);
  const std::string remedy = exec_remedy(code, subject);
  if (!remedy.empty()) error.what += "; " + remedy;
  error.what += home_remedy(code, subject.program);
  return error;
}

Error explain_directory(int code, const SpawnSubject& subject) {
  Error error = errno_error("start " + subject.program + " in " + subject.directory, code);
  if (code == ENOENT) error.what += "; create it, or change working_directory";
  if (code == EACCES) {
    error.what += "; " +
                  (subject.account.is_ours() ? "the user that sockherd runs as"
                                             : account_text(subject.account)) +
                  " must be able to enter it";
  }
  error.what += home_remedy(code, subject.directory + "/");
  return error;
}

Error with_remedy(Error error, bool applies, const char* remedy) {
  if (applies) error.what += remedy;
  return error;
}

Error explain_stage(const SpawnFailure& failure, const SpawnSubject& subject) {
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
      return explain_directory(code, subject);
    case SpawnStage::Exec:
      return explain_exec(code, subject);
    case SpawnStage::Interpreter:
      return with_remedy(errno_error("exec " + program, code), true,
                         "; it is there, but the interpreter of its first line, or the loader that "
                         "it was linked for, is not: install that, or name another one");
  }
  return errno_error("start " + program, code);
}

// Which option is to be changed.
const std::string& origin_of(SpawnStage stage, const SpawnSubject& subject) {
  static const std::string kNone;
  switch (stage) {
    case SpawnStage::FindUser:
      return subject.origins.user;
    case SpawnStage::FindGroup:
      return subject.origins.group;
    case SpawnStage::Become:
      return subject.account.user.empty() ? subject.origins.group : subject.origins.user;
    case SpawnStage::Directory:
      return subject.origins.directory;
    case SpawnStage::Exec:
    case SpawnStage::Interpreter:
      return subject.origins.program;
    default:
      return kNone;
  }
}

}  // namespace

Error explain(const SpawnFailure& failure, const SpawnSubject& subject) {
  Error error = explain_stage(failure, subject);
  const std::string& origin = origin_of(failure.stage, subject);
  if (!origin.empty()) error.what += " (" + origin + ")";
  return error;
}

}  // namespace sockherd::sys
