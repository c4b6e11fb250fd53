#include "daemon/sys/program_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>

#include "daemon/base/unique_fd.h"

namespace sockherd::sys {
namespace {

// Whether it is known not to be there.
bool is_missing(const std::string& path, struct stat& found) {
  return ::stat(path.c_str(), &found) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

// Where `program` is, as exec would find it; nothing = nowhere.
std::optional<std::string> find_in_path(const std::string& program, std::string_view path) {
  while (!path.empty()) {
    const size_t end = std::min(path.find(':'), path.size());
    const std::string candidate = std::string(path.substr(0, end)) + "/" + program;
    path.remove_prefix(std::min(end + 1, path.size()));
    struct stat found {};
    if (::stat(candidate.c_str(), &found) == 0 && S_ISREG(found.st_mode)) return candidate;
  }
  return std::nullopt;
}

// Of a script: what runs it; "" of everything else.
std::string interpreter_of(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 256> bytes{};  // no more is looked at by the kernel either (execve(2))
  const ssize_t got = file ? ::read(file.get(), bytes.data(), bytes.size()) : -1;
  std::string_view line(bytes.data(), got > 0 ? static_cast<size_t>(got) : 0);
  if (!line.starts_with("#!")) return "";
  line.remove_prefix(2);
  line = line.substr(0, line.find('\n'));
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return std::string(line.substr(0, line.find_first_of(" \t\r")));
}

class Look {
 public:
  explicit Look(const ProgramWish& wish) : wish_(wish) {}

  std::vector<ProgramGap> all() {
    look_at_directory();
    look_at_program();
    look_at_account();
    return std::move(gaps_);
  }

 private:
  void add(const std::string& origin, const char* option, std::string what) {
    gaps_.push_back({origin, wish_.option + "." + option, std::move(what)});
  }
  void blame_program(std::string what) { add(wish_.origins.program, "command", std::move(what)); }

  void look_at_directory() {
    if (wish_.directory.empty()) return;
    struct stat found {};
    const auto blame = [this](const char* what) {
      add(wish_.origins.directory, "working_directory", "\"" + wish_.directory + "\" " + what);
    };
    if (is_missing(wish_.directory, found)) {
      blame("is not there; create it, or name another one");
    } else if (found.st_mode != 0 && !S_ISDIR(found.st_mode)) {
      blame("is no directory; name one");
    }
  }

  void look_at_program() {
    const std::string& program = wish_.program;
    if (program.find('{') != std::string::npos) return;  // a mark: it depends on the slot
    if (program.find('/') == std::string::npos) {
      const auto found = find_in_path(program, wish_.path);
      if (found) return look_at_file(*found);
      return blame_program("\"" + program + "\" is nowhere in PATH (" + wish_.path +
                           "); install it, or name it by its absolute path");
    }
    if (program.front() == '/') return look_at_file(program);
    if (!wish_.directory.empty()) look_at_file(wish_.directory + "/" + program);
  }

  void look_at_file(const std::string& path) {
    struct stat found {};
    if (is_missing(path, found)) {
      return blame_program("\"" + path + "\" is not there; install it, or say where it is");
    }
    if (found.st_mode == 0) return;
    if (!S_ISREG(found.st_mode))
      return blame_program("\"" + path + "\" is no file; name a program");
    if ((found.st_mode & 0111) == 0) {
      return blame_program("\"" + path +
                           "\" is not executable; chmod +x it, or name its interpreter first");
    }
    const std::string interpreter = interpreter_of(path);
    if (interpreter.empty() || !is_missing(interpreter, found)) return;
    blame_program("\"" + path + "\" is to be run by \"" + interpreter +
                  "\", says its first line, and that is not there; install it, or name another "
                  "one first in command");
  }

  void look_at_account() {
    if (wish_.account.is_ours()) return;
    FoundAccount found;
    AccountFault fault;
    if (find_account(wish_.account, found, fault) || fault.code != 0) return;
    if (fault.step == AccountStep::FindUser) {
      add(wish_.origins.user, "user",
          "there is no user \"" + wish_.account.user + "\"; create it with useradd --system " +
              wish_.account.user + ", or name another one");
    } else {
      add(wish_.origins.group, "group",
          "there is no group \"" + wish_.account.group + "\"; create it with groupadd --system " +
              wish_.account.group + ", or name another one");
    }
  }

  const ProgramWish& wish_;
  std::vector<ProgramGap> gaps_;
};

}  // namespace

std::vector<ProgramGap> look_for(const ProgramWish& wish) {
  return Look(wish).all();
}

}  // namespace sockherd::sys
