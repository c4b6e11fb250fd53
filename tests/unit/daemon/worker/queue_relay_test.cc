#include "daemon/worker/queue_relay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "daemon/sys/listen_socket.h"
#include "tests/unit/daemon/sys/peers.h"

namespace sockherd::worker {
namespace {

// The queue of a slot whose program is gone, a sibling, and an errand between them.
class QueueRelayTest : public testing::Test {
 protected:
  QueueRelayTest() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    count_ = UniqueFd(ends[0]);
    auto made = QueueRelay::create(UniqueFd(::fcntl(queue_.get(), F_DUPFD_CLOEXEC, 3)),
                                   sys::address_of(sibling_), UniqueFd(ends[1]));
    EXPECT_TRUE(made.ok());
    relay_ = std::move(made).value();
  }
  ~QueueRelayTest() override {
    if (errand_.joinable()) errand_.join();
  }

  static UniqueFd listener() {
    auto bound = sys::bind_listener(sys::parsed("127.0.0.1:0"), sys::Sharing::Exclusive, 16, 0);
    EXPECT_TRUE(bound.ok());
    return std::move(bound).value();
  }
  void begin() {
    errand_ = std::thread([this] { relay_->run(); });
  }
  // Who has come to the sibling.
  UniqueFd arrived() {
    EXPECT_TRUE(sys::wait_readable(sibling_.get()));
    return sys::accept_one(sibling_);
  }

  UniqueFd queue_ = listener();
  UniqueFd sibling_ = listener();
  UniqueFd count_;
  std::unique_ptr<QueueRelay> relay_;
  std::thread errand_;
};

TEST_F(QueueRelayTest, PassesOnWhatWaitsAndEnds) {
  {
    const UniqueFd client = sys::connect_to(sys::address_of(queue_));
    ASSERT_EQ(::write(client.get(), "hello", 5), 5);
    begin();
    const UniqueFd server = arrived();
    char bytes[8];
    ASSERT_TRUE(sys::wait_readable(server.get()));
    EXPECT_EQ(::read(server.get(), bytes, sizeof bytes), 5);
    EXPECT_EQ(::read(count_.get(), bytes, sizeof bytes), 1);
  }
  errand_.join();
}

// Found in review: it went on accepting beside the worker of the slot as long as one of its
// connections lived.
TEST_F(QueueRelayTest, LeavesTheQueueWhereItIsRelieved) {
  UniqueFd first = sys::connect_to(sys::address_of(queue_));
  begin();
  UniqueFd server = arrived();
  count_.reset();  // the supervisor hangs up
  // What it has begun goes on; and its next look at the queue comes after that.
  ASSERT_EQ(::write(first.get(), "more", 4), 4);
  char bytes[8];
  ASSERT_TRUE(sys::wait_readable(server.get()));
  EXPECT_EQ(::read(server.get(), bytes, sizeof bytes), 4);
  const UniqueFd second = sys::connect_to(sys::address_of(queue_));
  first.reset();
  server.reset();
  sibling_.reset();  // so that it ends even if it has taken more
  errand_.join();
  EXPECT_EQ(sys::accept_all(queue_), 1) << "for the worker of the slot";
}

// Found in review: it took the client first, and had to reset it.
TEST_F(QueueRelayTest, LeavesInTheQueueWhatItCannotPassOn) {
  const UniqueFd client = sys::connect_to(sys::address_of(queue_));
  const int lowest = UniqueFd(::fcntl(queue_.get(), F_DUPFD_CLOEXEC, 0)).release();
  ::close(lowest);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit one{.rlim_cur = static_cast<rlim_t>(lowest) + 1, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one), 0);
  begin();
  errand_.join();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(sys::accept_all(queue_), 1);
}

}  // namespace
}  // namespace sockherd::worker
