// THE option table: every setting with its section, type, unit, default, bounds and help.
//
// Parsing, defaults, bounds, the sample file, `sockherdctl config show` and the check of the man
// page all come from it. A new option is a member in config.h, a row in the part of the table
// that its subject has (option_rows.h) and an entry in man/sockherd.toml.5. What options are in
// words is option_text.h. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/config/config.h"

namespace sockherd::config {

enum class Section : uint8_t { Daemon, Listener, Pool, Route, Admin };

struct SectionInfo {
  Section section;
  std::string_view name;     // the key at the top, "pool"; for routes that of the pool's option
  std::string_view heading;  // as in the manual: "[pool.NAME]"
  std::string_view help;     // one sentence
};

enum class Type : uint8_t {
  Text,
  Choice,   // one of Option::choices
  Path,     // absolute
  Integer,  // within min..max
  Boolean,
  Duration,    // milliseconds within min..max
  Size,        // bytes within min..max
  Workers,     // "auto", or an integer within min..max
  AccessMode,  // octal text
  Address,     // see address.h
  AddressList,
  BusUrl,  // see bus_url.h; its password is never shown
  TextList,
  FileNames,    // list of texts without "/", or one of them
  Environment,  // list of "NAME=value"
  Ready,        // table with one of: http, connect, alive, notify
  Upstreams,    // "pool:NAME", an address, or a list of addresses
  Headers,      // table of fields of an answer
  ErrorPages,   // table of "404" or "4xx" to absolute paths
  Routes,       // list of tables of Section::Route
};

// Where a value goes. An unset text is empty, "auto" workers are 0, routes have rows of their own.
using Field = std::variant<std::string*, int64_t*, bool*, Milliseconds*, std::vector<std::string>*,
                           std::vector<NamedText>*, std::vector<Route>*>;
// The struct that a section of the file fills.
using Object = std::variant<Daemon*, Listener*, Pool*, Route*, Admin*>;

// In the order of the rows as they are read, not packed.
struct Option {  // NOLINT(clang-analyzer-optin.performance.Padding)
  Section section;
  std::string_view name;
  Type type;
  std::string_view fallback;               // the default, as TOML
  std::string_view command_fallback = {};  // ... of a pool with a command; "" = the same
  int64_t min = 0;
  int64_t max = 0;
  std::string_view unit;     // of Integer: "connections"; "" where the type says it
  std::string_view choices;  // of Choice: "a, b, c"
  std::string_view help;     // one sentence
  std::string_view sample;   // what the sample file sets, as TOML; "" = commented out
  Field (*field)(const Object&);
};

std::span<const Option> options();
std::span<const SectionInfo> sections();
const SectionInfo& info(Section section);

// The rows of one section, in the order of the manual.
std::vector<const Option*> options_of(Section section);
const Option* find_option(Section section, std::string_view name);

}  // namespace sockherd::config
