#include "daemon/sys/random.h"

#include <gtest/gtest.h>

#include <set>

namespace sockherd::sys {
namespace {

TEST(Random, NumbersDiffer) {
  std::set<uint64_t> numbers;
  for (int i = 0; i < 1000; ++i) numbers.insert(random_number());
  EXPECT_EQ(numbers.size(), 1000U);
}

}  // namespace
}  // namespace sockherd::sys
