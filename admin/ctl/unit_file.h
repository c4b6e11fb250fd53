// A socket unit of systemd for a listener, as text. Pure.
//
// Each worker, and each of its threads, needs a socket of its own. Those of equal ListenStream=
// lines belong to systemd: they need no capability, and there are as many of them as lines.
// sockherd makes the further ones (CAP_CHOWN).
#pragma once

#include <cstdint>
#include <string>

#include "daemon/base/result.h"

namespace sockherd::ctl {

struct UnitWish {
  std::string listener;  // its name in the configuration
  std::string address;   // "443", "[::]:443", "127.0.0.1:8080", "unix:/run/x.sock"
  uint32_t slots = 1;    // equal ListenStream= lines
  std::string instance;  // "" for the one of sockherd.service
  bool is_drop_in = false;
};

struct UnitFile {
  std::string path;   // where it belongs
  std::string apply;  // what has to be done then
  std::string text;   // with both in its first lines
};

// Errors: what cannot be; each says the remedy.
Result<UnitFile> unit_file(const UnitWish& wish);

// Whether there may be an instance of that name: what systemd takes, and no path.
bool is_instance_name(const std::string& name);

}  // namespace sockherd::ctl
