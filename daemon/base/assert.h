// SH_ASSERT: a broken invariant ends the process with a core dump; systemd starts a new one.
//
// Stays on in release builds. Never for what comes from outside (network, config, child, disk):
// that is a Result.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace sockherd {

[[noreturn]] inline void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "<2>assertion failed: %s at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace sockherd

#define SH_ASSERT(condition)          \
  ((condition) ? static_cast<void>(0) \
               : ::sockherd::assertion_failed(#condition, __FILE__, __LINE__))
