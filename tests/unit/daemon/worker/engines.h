// For suites that every engine of the loop has to pass.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "daemon/worker/loop.h"

namespace sockherd::worker {

inline const auto kEveryEngine = ::testing::Values(Engine::Epoll);

inline std::string engine_name(const ::testing::TestParamInfo<Engine>& info) {
  switch (info.param) {
    case Engine::Epoll:
      return "Epoll";
  }
  return "";
}

}  // namespace sockherd::worker
