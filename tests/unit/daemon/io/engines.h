// The loops that there are, for suites that every one of them has to pass.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/io/loop.h"
#include "daemon/io/uring_loop.h"

namespace sockherd::io {

struct LoopKind {
  const char* name;
  Result<std::unique_ptr<Loop>> (*create)();

  friend void PrintTo(const LoopKind& kind, std::ostream* out) { *out << kind.name; }
};

// Of these, the ones that this kernel allows.
inline std::vector<LoopKind> every_loop() {
  std::vector<LoopKind> kinds = {{"Epoll", [] { return Loop::create(Engine::Epoll); }}};
  if (!Loop::create(Engine::IoUring).ok()) return kinds;
  kinds.push_back({"IoUring", [] { return Loop::create(Engine::IoUring); }});
  // Of all that an io_uring has a limited number of.
  kinds.push_back({"Shortage", [] {
                     return UringLoop::create(
                         {.entries = 2, .completions = 4, .buffers = 2, .buffer_bytes = 512});
                   }});
  return kinds;
}

inline std::string name_of_loop(const ::testing::TestParamInfo<LoopKind>& info) {
  return info.param.name;
}

// For suites that do not know of engines: one of every_loop(), by SOCKHERD_TEST_LOOP.
inline std::unique_ptr<Loop> loop_for_tests() {
  const char* wanted = std::getenv("SOCKHERD_TEST_LOOP");
  const std::vector<LoopKind> kinds = every_loop();
  for (const LoopKind& kind : kinds) {
    if (wanted != nullptr && std::string_view(wanted) == kind.name) {
      return std::move(kind.create()).value();
    }
  }
  return std::move(kinds.front().create()).value();
}

}  // namespace sockherd::io
