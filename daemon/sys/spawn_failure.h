// SpawnFailure: what a child reports when it could not become its program, and the words for it.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/base/result.h"
#include "daemon/sys/account.h"

namespace sockherd::sys {

enum class SpawnStage : int32_t {
  Descriptors,
  Output,
  Group,
  Limit,
  Identity,
  FindUser,
  FindGroup,
  Become,
  Directory,
  Exec,
  Interpreter  // the program is there, and what it needs to run is not
};

struct SpawnFailure {
  SpawnStage stage = SpawnStage::Exec;
  int32_t code = 0;  // errno; 0 of a lookup = there is none
};

// Where it was said what is to be started: "sockherd.toml:12:3", or "" where nobody knows.
struct SpawnOrigins {
  std::string program;
  std::string directory;
  std::string user;
  std::string group;
};

// What was to be started, as far as a failure has to name it.
struct SpawnSubject {
  std::string program;
  Account account = {};
  std::string directory = "";
  std::string path = "";  // PATH that it was looked for in
  SpawnOrigins origins = {};
};

// One line: what failed, why, and where something can be done about it, what.
Error explain(const SpawnFailure& failure, const SpawnSubject& subject);

}  // namespace sockherd::sys
