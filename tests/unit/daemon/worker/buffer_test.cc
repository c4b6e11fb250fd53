#include "daemon/worker/buffer.h"

#include <gtest/gtest.h>

#include <cstring>

namespace sockherd::worker {
namespace {

TEST(Buffer, HoldsABlockOnlyWhileItHoldsBytes) {
  BufferPool pool(64);
  Buffer buffer(pool);
  EXPECT_TRUE(buffer.is_empty());
  EXPECT_EQ(buffer.room_bytes(), 64u);
  buffer.append("hello");
  const char* block = buffer.bytes().data();
  EXPECT_EQ(buffer.bytes(), "hello");
  buffer.consume(5);
  buffer.release_if_empty();
  Buffer other(pool);
  other.append("x");
  EXPECT_EQ(other.bytes().data(), block);  // the last one given back is the next one given out
}

TEST(Buffer, KeepsWhatIsNotConsumedWhenItCompacts) {
  BufferPool pool(8);
  Buffer buffer(pool);
  buffer.append("abcdefgh");
  EXPECT_EQ(buffer.room_bytes(), 0u);
  buffer.consume(6);
  buffer.compact();
  EXPECT_EQ(buffer.bytes(), "gh");
  EXPECT_EQ(buffer.room().size(), 6u);
  std::memcpy(buffer.room().data(), "ij", 2);
  buffer.commit(2);
  EXPECT_EQ(buffer.bytes(), "ghij");
}

}  // namespace
}  // namespace sockherd::worker
