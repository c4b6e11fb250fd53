#include "daemon/websocket/mask.h"

#include <gtest/gtest.h>

#include <string>

namespace sockherd::websocket {
namespace {

TEST(Mask, IsTheSameHoweverThePayloadIsCut) {
  const std::array<char, 4> key = {'\x12', '\x34', '\xff', '\x01'};
  std::string text;
  for (int i = 0; i < 67; ++i) text += static_cast<char>(i * 7);
  std::string wanted = text;
  for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = static_cast<char>(wanted[i] ^ key[i % 4]);
  for (size_t first = 0; first <= text.size(); ++first) {
    for (size_t second = first; second <= text.size(); ++second) {
      std::string masked = text;
      MaskingKey mask(key);
      const std::span<char> bytes(masked);
      mask.apply(bytes.first(first));
      mask.apply(bytes.subspan(first, second - first));
      mask.apply(bytes.subspan(second));
      ASSERT_EQ(masked, wanted) << first << " " << second;
    }
  }
}

TEST(Mask, KnowsItsBytes) {
  const std::array<char, 4> key = {'a', 'b', 'c', 'd'};
  EXPECT_EQ(MaskingKey(key).bytes(), key);
}

}  // namespace
}  // namespace sockherd::websocket
