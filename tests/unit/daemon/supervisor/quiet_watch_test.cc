#include "daemon/supervisor/quiet_watch.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <optional>

#include "daemon/base/clock.h"
#include "daemon/sys/listen_socket.h"
#include "tests/unit/daemon/supervisor/loop.h"
#include "tests/unit/daemon/sys/peers.h"

namespace sockherd::supervisor {
namespace {

using sys::connect_to;

class QuietWatchTest : public LoopTest {
 protected:
  // A handshake on the port of `deferring_` lasts until its client has sent something.
  QuietWatchTest()
      : deferring_(std::move(sys::bind_listener(sys::parsed("127.0.0.1:0"), sys::Sharing::ReusePort,
                                                128, 0))
                       .value()) {
    const int seconds = 60;
    EXPECT_EQ(
        ::setsockopt(deferring_.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds), 0);
  }

  void watch(std::vector<uint16_t> ports) {
    watch_ = QuietWatch::create(loop(), std::move(ports), [this] { ++calls_; }).value();
  }

  // The loop turns for a while in which the watch looks several times.
  void pass(std::chrono::milliseconds time) {
    bool is_over = false;
    Watch timer = Watch::timer(loop(), [&] { is_over = true; }).value();
    timer.arm(monotonic_now() + time);
    run_until([&] { return is_over; });
  }

  UniqueFd deferring_;
  std::optional<QuietWatch> watch_;
  int calls_ = 0;
};

TEST_F(QuietWatchTest, CallsBackOnceAndNotFromInside) {
  watch({sys::address_of(deferring_).port()});
  EXPECT_EQ(calls_, 0);
  EXPECT_FALSE(watch_->has_looked());
  run_until([&] { return calls_ > 0; });
  EXPECT_TRUE(watch_->has_looked());
  pass(std::chrono::milliseconds(50));
  EXPECT_EQ(calls_, 1);
}

TEST_F(QuietWatchTest, HasNothingToWaitForWithoutPorts) {
  watch({});
  run_until([&] { return calls_ > 0; });
}

TEST_F(QuietWatchTest, WaitsForAHandshakeThatIsUnderWay) {
  const UniqueFd client = connect_to(sys::address_of(deferring_));
  watch({1, sys::address_of(deferring_).port()});
  pass(std::chrono::milliseconds(60));
  EXPECT_EQ(calls_, 0);
  ASSERT_EQ(::write(client.get(), "x", 1), 1);
  run_until([&] { return calls_ > 0; });
}

TEST_F(QuietWatchTest, DoesNotWaitForHandshakesThatCameLater) {
  const UniqueFd before = connect_to(sys::address_of(deferring_));
  watch({sys::address_of(deferring_).port()});
  run_until([&] { return watch_->has_looked(); });
  const UniqueFd later = connect_to(sys::address_of(deferring_));
  ASSERT_EQ(::write(before.get(), "x", 1), 1);
  run_until([&] { return calls_ > 0; });
}

TEST_F(QuietWatchTest, MayBeDestroyedInsideItsCallbackAndBefore) {
  std::optional<QuietWatch> other;
  other = QuietWatch::create(loop(), {}, [&] {
            ++calls_;
            other.reset();
          }).value();
  watch({});
  watch_.reset();
  run_until([&] { return calls_ > 0; });
  pass(std::chrono::milliseconds(30));
  EXPECT_EQ(calls_, 1);
}

}  // namespace
}  // namespace sockherd::supervisor
