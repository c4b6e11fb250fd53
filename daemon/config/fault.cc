#include "daemon/config/fault.h"

namespace sockherd::config {

std::string Place::text() const {
  if (line == 0) return source;
  return source + ":" + std::to_string(line) + ":" + std::to_string(column);
}

std::string Fault::text() const {
  return Place{source, line, column}.text() + ": " + what;
}

}  // namespace sockherd::config
