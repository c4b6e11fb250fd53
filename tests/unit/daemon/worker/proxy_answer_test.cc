#include "daemon/worker/proxy_answer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace sockherd::worker {
namespace {

constexpr std::string_view kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";

class ProxyAnswerTest : public ::testing::Test {
 protected:
  void receive(std::string_view bytes) {
    std::memcpy(answer_.room().data(), bytes.data(), bytes.size());
    answer_.commit(bytes.size());
  }
  ProxyAnswer::Head take() { return answer_.take_head({}, {}, head_); }
  bool add(std::string_view bytes) {
    std::memcpy(answer_.room().data(), bytes.data(), bytes.size());
    return answer_.add(bytes.size());
  }

  BufferPool pool_{512};
  ProxyAnswer answer_{pool_};
  http::ReceivedHead head_;
};

TEST_F(ProxyAnswerTest, HasItsHeadOnceAllOfItIsThere) {
  EXPECT_FALSE(answer_.has_begun());
  receive("HTTP/1.1 200 OK\r\nContent-");
  EXPECT_TRUE(answer_.has_begun());
  EXPECT_EQ(take(), ProxyAnswer::Head::Incomplete);
  receive("Length: 5\r\n\r\nhello");
  EXPECT_EQ(take(), ProxyAnswer::Head::Final);
  ASSERT_TRUE(answer_.begin_content(head_, false));
  EXPECT_EQ(answer_.pending(), "hello");
  EXPECT_TRUE(answer_.is_complete());
  EXPECT_TRUE(answer_.keeps_alive());
}

TEST_F(ProxyAnswerTest, HasRoomForNoHeadThatIsLongerThanItsBlock) {
  receive(std::string(512, 'x'));
  EXPECT_TRUE(answer_.room().empty());
}

TEST_F(ProxyAnswerTest, TakesInterimsOneByOneAndNotWithoutEnd) {
  for (size_t i = 0; i < http::kMostInterimResponses; ++i) {
    receive("HTTP/1.1 103 Early Hints\r\n\r\n");
    EXPECT_EQ(take(), ProxyAnswer::Head::Interim);
    EXPECT_TRUE(answer_.has_begun()) << "the answer, although nothing of it is left";
  }
  receive("HTTP/1.1 103 Early Hints\r\n\r\n");
  EXPECT_EQ(take(), ProxyAnswer::Head::Bad);
  answer_.clear();
  answer_.begin();
  EXPECT_FALSE(answer_.has_begun());
}

TEST_F(ProxyAnswerTest, LeavesWhatStandsBehindAnUpgradeToTheTunnel) {
  receive("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nearly");
  EXPECT_EQ(answer_.take_head({}, {.upgrade = true}, head_), ProxyAnswer::Head::Switch);
  EXPECT_EQ(answer_.unread(), "early");
}

TEST_F(ProxyAnswerTest, DecodesWhatComesBehindTheHeadIntoOnePiece) {
  receive(kChunked);
  ASSERT_EQ(take(), ProxyAnswer::Head::Final);
  ASSERT_TRUE(answer_.begin_content(head_, true));
  ASSERT_TRUE(add("2\r\nde\r\n0\r\n"));
  EXPECT_FALSE(answer_.is_complete());
  ASSERT_TRUE(add("X-Sum: 7\r\n\r\n"));
  EXPECT_TRUE(answer_.is_complete());
  EXPECT_EQ(answer_.pending(), "abcde");
  answer_.finish_trailers();
  ASSERT_EQ(answer_.trailers().size(), 1u);
  EXPECT_EQ(answer_.trailers()[0].value, "7");
}

TEST_F(ProxyAnswerTest, DropsTrailersThatNobodyWants) {
  receive(std::string(kChunked) + "0\r\nX-Sum: 7\r\n\r\n");
  ASSERT_EQ(take(), ProxyAnswer::Head::Final);
  ASSERT_TRUE(answer_.begin_content(head_, false));
  EXPECT_TRUE(answer_.is_complete());
  EXPECT_FALSE(answer_.has_trailers());
}

TEST_F(ProxyAnswerTest, RefusesContentThatIsNone) {
  receive(kChunked);
  ASSERT_EQ(take(), ProxyAnswer::Head::Final);
  ASSERT_TRUE(answer_.begin_content(head_, false));
  EXPECT_FALSE(add("zz\r\n"));
}

TEST_F(ProxyAnswerTest, GivesWhatIsPendingByPieces) {
  receive("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
  ASSERT_EQ(take(), ProxyAnswer::Head::Final);
  ASSERT_TRUE(answer_.begin_content(head_, false));
  std::string room(3, ' ');
  EXPECT_EQ(answer_.take_pending(room), 3u);
  EXPECT_EQ(room, "hel");
  EXPECT_TRUE(answer_.has_pending());
  EXPECT_EQ(answer_.take_pending(room), 2u);
  EXPECT_FALSE(answer_.has_pending());
  EXPECT_EQ(pool_.blocks_in_use(), 0u);
  std::string rest = "four";
  size_t content = 0;
  ASSERT_TRUE(answer_.decode(rest, content));
  EXPECT_EQ(content, 4u);
  EXPECT_TRUE(answer_.is_complete());
}

TEST_F(ProxyAnswerTest, EndsWithTheConnectionOnlyWhereNothingElseSaysWhere) {
  receive("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
  ASSERT_EQ(take(), ProxyAnswer::Head::Final);
  ASSERT_TRUE(answer_.begin_content(head_, false));
  EXPECT_FALSE(answer_.end());
  answer_.clear();
  answer_.begin();
  receive("HTTP/1.1 200 OK\r\n\r\nhello");
  ASSERT_EQ(take(), ProxyAnswer::Head::Final);
  ASSERT_TRUE(answer_.begin_content(head_, false));
  EXPECT_FALSE(answer_.is_complete());
  EXPECT_TRUE(answer_.end());
  EXPECT_TRUE(answer_.is_complete());
  EXPECT_FALSE(answer_.keeps_alive());
}

TEST_F(ProxyAnswerTest, KeepsNoConnectionThatHasSaidMoreThanItWasAsked) {
  receive("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n");
  ASSERT_EQ(take(), ProxyAnswer::Head::Final);
  ASSERT_TRUE(answer_.begin_content(head_, false));
  EXPECT_EQ(answer_.pending(), "ok");
  EXPECT_FALSE(answer_.keeps_alive());
}

}  // namespace
}  // namespace sockherd::worker
