#include "daemon/worker/file_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::worker {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Everything is settled at once: a test cannot wait for its files to grow old.
FileCache::Settings at_once() {
  return {.interval = seconds(1), .settle = -hours(1)};
}

class FileCacheTest : public ::testing::Test {
 protected:
  FileCacheTest() : site_(std::move(Directory::open(root_.path())).value(), {}) {
    root_.write("short", "one");
    root_.write("long", std::string(100'000, 'x'));
  }
  std::string content(FileCache& cache, std::string_view path, Duration at) {
    const SiteLookup found = cache.look_up(site_, path, Instant(at));
    return found.file == nullptr ? "none" : found.file->identity.file->content;
  }

  TemporaryDirectory root_;
  Site site_;
};

TEST_F(FileCacheTest, SeesAChangeWhenTheIntervalIsOver) {
  FileCache cache(at_once());
  EXPECT_EQ(content(cache, "/short", seconds(10)), "one");
  root_.write("short", "other");
  EXPECT_EQ(content(cache, "/short", milliseconds(10'999)), "one");
  EXPECT_EQ(content(cache, "/short", seconds(11)), "other");
  EXPECT_EQ(content(cache, "/short", milliseconds(11'999)), "other");
}

TEST_F(FileCacheTest, SeesThatAFileIsReplacedOrGone) {
  FileCache cache(at_once());
  EXPECT_EQ(content(cache, "/short", seconds(10)), "one");
  root_.write("next", "two");
  std::filesystem::rename(root_.path("next"), root_.path("short"));
  EXPECT_EQ(content(cache, "/short", seconds(10)), "one");
  EXPECT_EQ(content(cache, "/short", seconds(11)), "two");
  std::filesystem::remove(root_.path("short"));
  EXPECT_EQ(content(cache, "/short", seconds(12)), "none");
  EXPECT_EQ(cache.files(), 0u);
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST_F(FileCacheTest, SeesThatALinkLeadsElsewhereAndNeverOutside) {
  root_.write("v1/file", "first");
  root_.write("v2/file", "second");
  root_.link("v1", "current");
  FileCache cache(at_once());
  EXPECT_EQ(content(cache, "/current/file", seconds(1)), "first");
  std::filesystem::remove(root_.path("current"));
  root_.link("v2", "current");
  EXPECT_EQ(content(cache, "/current/file", seconds(2)), "second");
  std::filesystem::remove(root_.path("current"));
  root_.link("/etc", "current");
  EXPECT_EQ(content(cache, "/current/hostname", seconds(3)), "none");
  EXPECT_EQ(content(cache, "/current/file", seconds(3)), "none");
}

TEST_F(FileCacheTest, KeepsWhatHasNotChanged) {
  FileCache cache(at_once());
  const auto first = cache.look_up(site_, "/long", Instant(seconds(1))).file;
  const auto again = cache.look_up(site_, "/long", Instant(seconds(5))).file;
  EXPECT_EQ(first->identity.file, again->identity.file);
  EXPECT_FALSE(first->identity.file->is_in_memory);
  EXPECT_EQ(cache.descriptors(), 1u);
}

TEST_F(FileCacheTest, DoesNotKeepWhatHasJustChanged) {
  FileCache cache({.interval = seconds(1), .settle = hours(1)});
  EXPECT_EQ(content(cache, "/short", seconds(10)), "one");
  EXPECT_EQ(cache.files(), 0u);
  root_.write("short", "two");
  EXPECT_EQ(content(cache, "/short", seconds(10)), "two");
}

TEST_F(FileCacheTest, KeepsNothingWithoutAnIntervalOrMemory) {
  FileCache without_interval({.interval = seconds(0), .settle = -hours(1)});
  EXPECT_EQ(content(without_interval, "/short", seconds(1)), "one");
  EXPECT_EQ(without_interval.files(), 0u);
  FileCache without_memory({.settle = -hours(1), .max_bytes = 0});
  EXPECT_EQ(content(without_memory, "/short", seconds(1)), "one");
  EXPECT_EQ(without_memory.files(), 0u);
}

TEST_F(FileCacheTest, LetsGoOfTheOneThatWasServedLongestAgo) {
  FileCache cache({.settle = -hours(1), .max_files = 2});
  for (const char* name : {"a", "b", "c"}) root_.write(name, "one");
  for (const char* path : {"/a", "/b", "/a", "/c"}) content(cache, path, seconds(1));
  for (const char* name : {"a", "b", "c"}) root_.write(name, "other");
  EXPECT_EQ(cache.files(), 2u);
  EXPECT_EQ(content(cache, "/a", seconds(1)), "one");
  EXPECT_EQ(content(cache, "/c", seconds(1)), "one");
  EXPECT_EQ(content(cache, "/b", seconds(1)), "other");
}

TEST_F(FileCacheTest, IsBoundedInBytesAndDescriptors) {
  FileCache cache({.settle = -hours(1), .max_bytes = 100'000});
  for (int i = 0; i < 100; ++i) {
    const std::string name = std::to_string(i);
    root_.write(name, std::string(i % 2 == 0 ? 10'000 : 20'000, 'x'));
    content(cache, "/" + name, seconds(1));
    EXPECT_LE(cache.bytes(), 100'000u);
    EXPECT_LE(cache.descriptors(), FileCache::kMaxDescriptors);
  }
  EXPECT_GT(cache.files(), 5u);
}

TEST_F(FileCacheTest, TellsSitesApart) {
  const TemporaryDirectory elsewhere;
  elsewhere.write("short", "there");
  const Site other(std::move(Directory::open(elsewhere.path())).value(), {});
  FileCache cache(at_once());
  EXPECT_EQ(content(cache, "/short", seconds(1)), "one");
  EXPECT_EQ(cache.look_up(other, "/short", Instant(seconds(1))).file->identity.file->content,
            "there");
}

}  // namespace
}  // namespace sockherd::worker
