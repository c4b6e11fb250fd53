// Request: one command line, understood. What a verb gets to work with, and where it answers.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "admin/ctl/text.h"

namespace sockherd::ctl {

struct Request {
  std::map<std::string, std::string> arguments;  // by their name in the verb table; only given ones
  std::set<std::string> flags;                   // the given ones of the verb: "--wait"
  std::map<std::string, std::string> values;     // of the given ones that have one: "--limit"
  std::string socket;                            // path of the control socket
  std::string instance;  // of sockherd@NAME.service; "" for that of sockherd.service
  std::chrono::milliseconds timeout{0};  // for one call
  bool json = false;
  Palette palette = Palette::Plain;
  double unix_time = 0;  // now, for "2h ago"

  bool has(const std::string& flag) const { return flags.contains(flag); }
  // The argument, or "" where it was left away.
  std::string argument(const std::string& name) const {
    const auto at = arguments.find(name);
    return at == arguments.end() ? "" : at->second;
  }
};

// What a verb says: data for standard output, remarks for standard error.
struct Answer {
  std::string data;
  std::string remarks;
  // Writes what there is so far; false when nobody reads it any more. For verbs that go on.
  std::function<bool(Answer&)> flush = [](Answer&) { return false; };
};

}  // namespace sockherd::ctl
