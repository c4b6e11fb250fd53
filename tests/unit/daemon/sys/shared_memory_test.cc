#include "daemon/sys/shared_memory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>

#include "tests/unit/daemon/sys/peers.h"

namespace sockherd::sys {
namespace {

UniqueFd memory_file(size_t bytes) {
  auto fd = create_memory_file("test", bytes);
  EXPECT_TRUE(fd.ok()) << fd.error().what;
  return std::move(fd).value();
}

TEST(MemoryFile, IsSharedByItsMappings) {
  const UniqueFd fd = memory_file(8192);
  auto one = Mapping::create(fd.get(), Access::ReadWrite);
  auto other = Mapping::create(fd.get(), Access::Read);
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_EQ(one->bytes().size(), 8192U);
  one->bytes()[8191] = std::byte{7};
  EXPECT_EQ(other->bytes()[8191], std::byte{7});
}

TEST(MemoryFile, KeepsItsSizeAndTakesNoFurtherSeal) {
  const UniqueFd fd = memory_file(4096);
  EXPECT_NE(::ftruncate(fd.get(), 0), 0);
  EXPECT_NE(::ftruncate(fd.get(), 8192), 0);
  EXPECT_NE(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0)
      << "one worker could lock the next one out";
}

TEST(MemoryFile, CanNotBeMappedForWritingOnceItIsReopenedReadOnly) {
  const UniqueFd fd = memory_file(4096);
  auto reader = reopen_read_only(fd.get());
  ASSERT_TRUE(reader.ok()) << reader.error().what;
  EXPECT_TRUE(Mapping::create(reader->get(), Access::Read).ok());
  const auto writer = Mapping::create(reader->get(), Access::ReadWrite);
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().code, EACCES);
}

// Found in review: a memory file is born 0777, so a holder could open the read-only one anew.
TEST(MemoryFile, CanNotBeOpenedAnewForWritingByAnotherUser) {
  REQUIRE_ROOT();
  const UniqueFd fd = memory_file(4096);
  auto reader = reopen_read_only(fd.get());
  ASSERT_TRUE(reader.ok());
  const std::string said = as_user(kNobody, [&] {
    const std::string path = "/proc/self/fd/" + std::to_string(reader->get());
    if (!Mapping::create(reader->get(), Access::Read).ok()) return std::string("can not read");
    return UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC)) ? std::string("opened")
                                                              : std::string(std::strerror(errno));
  });
  EXPECT_EQ(said, "Permission denied");
}

TEST(SealedFile, CanNeverChange) {
  const std::string content("key = \"value\"\n\0end", 18);
  auto fd = create_sealed_file("test", content);
  ASSERT_TRUE(fd.ok()) << fd.error().what;
  EXPECT_EQ(read_memory_file(fd->get()).value(), content);
  EXPECT_LT(::pwrite(fd->get(), "x", 1, 0), 0);
  EXPECT_NE(::ftruncate(fd->get(), 0), 0);
  EXPECT_FALSE(Mapping::create(fd->get(), Access::ReadWrite).ok());
  EXPECT_EQ(read_memory_file(fd->get()).value(), content) << "reads from the start every time";
}

TEST(SealedFile, MayBeEmpty) {
  auto fd = create_sealed_file("test", "");
  ASSERT_TRUE(fd.ok());
  EXPECT_EQ(read_memory_file(fd->get()).value(), "");
}

TEST(Mapping, IsMovedAndEndsOnce) {
  const UniqueFd fd = memory_file(4096);
  Mapping first = Mapping::create(fd.get(), Access::ReadWrite).value();
  first.bytes()[0] = std::byte{1};
  Mapping second = std::move(first);
  EXPECT_EQ(second.bytes()[0], std::byte{1});
  Mapping third;
  third = std::move(second);
  EXPECT_EQ(third.bytes()[0], std::byte{1});
  EXPECT_FALSE(Mapping::create(-1, Access::Read).ok());
}

}  // namespace
}  // namespace sockherd::sys
