// THE verb table of sockherdctl: names, arguments, flags, help. Parsing, --help, completion and the
// check of the manual come from it.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/ctl/request.h"
#include "daemon/base/result.h"

namespace sockherd::ctl {

struct Argument {
  std::string_view name;  // as in help, "POOL"
  std::string_view help;
  bool is_required = true;
};

struct Flag {
  std::string_view name;  // "--wait"
  std::string_view help;
  std::string_view value = "";  // "N" where one must follow
  bool may_repeat = false;      // Request::values has all of them then, a line each
};

// Answers through `answer`, also when it fails: the reasons may be data.
using Run = Result<void> (*)(const Request& request, Answer& answer);

struct Verb {
  std::string_view name;  // "status", "config init"
  std::string_view help;  // one sentence
  std::span<const Argument> arguments;
  std::span<const Flag> flags;
  std::chrono::milliseconds timeout;  // default of --timeout
  bool is_hidden;                     // for programs; not in --help
  Run run;
};

// What every verb takes.
struct GlobalOption {
  std::string_view name;  // "-h, --help"
  std::string_view help;
  std::string_view value = "";  // "PATH" where one must follow
};

std::span<const Verb> verbs();
std::span<const GlobalOption> global_options();
const Verb* find_verb(std::string_view name);
std::vector<std::string_view> visible_verb_names();

// "scale POOL N", "workers [POOL]".
std::string synopsis(const Verb& verb);

// The text of `sockherdctl --help` and of `sockherdctl VERB --help`.
std::string help();
std::string help(const Verb& verb);

}  // namespace sockherd::ctl
