#include "daemon/module/module_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

namespace sockherd::module {
namespace {

using ::testing::HasSubstr;

void set_up(app::App&) {}

app::ModuleHeader good() {
  app::ModuleHeader header{{'s', 'o', 'c', 'k', 'h', 'e', 'r', 'd'},
                           app::kAbiVersion,
                           sizeof(app::ModuleHeader),
                           SOCKHERD_APP_TOOLCHAIN,
                           SOCKHERD_APP_VERSION,
                           &set_up};
  return header;
}

Result<app::ModuleHeader> read(const app::ModuleHeader& header, size_t bytes = sizeof(header)) {
  return read_header(std::span(reinterpret_cast<const std::byte*>(&header), bytes));
}

std::string fault_of(const std::function<void(app::ModuleHeader&)>& spoil) {
  app::ModuleHeader header = good();
  spoil(header);
  const auto outcome = read(header);
  return outcome.ok() ? "" : outcome.error().what;
}

TEST(ModuleHeader, IsTakenWhereItIsOurs) {
  const auto header = read(good());
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header.value().setup, &set_up);
}

TEST(ModuleHeader, SaysWhatIsFoundAndWanted) {
  EXPECT_THAT(fault_of([](auto& header) { header.magic[0] = 'x'; }), HasSubstr("SOCKHERD_APP()"));
  EXPECT_THAT(fault_of([](auto& header) { header.abi_version = 7; }),
              AllOf(HasSubstr("version 7"), HasSubstr("version 1"), HasSubstr("compile it with")));
  EXPECT_THAT(fault_of([](auto& header) { header.size = 5; }), HasSubstr("5 bytes"));
  EXPECT_THAT(fault_of([](auto& header) { std::strcpy(header.toolchain, "a\nb"); }),
              AllOf(HasSubstr("\"a?b\""), HasSubstr(SOCKHERD_APP_TOOLCHAIN)));
  EXPECT_THAT(fault_of([](auto& header) { header.setup = nullptr; }), HasSubstr("no function"));
}

TEST(ModuleHeader, ReadsNoFurtherThanItIsLong) {
  const app::ModuleHeader header = good();
  for (size_t bytes = 0; bytes < sizeof header; ++bytes) EXPECT_FALSE(read(header, bytes).ok());
}

}  // namespace
}  // namespace sockherd::module
