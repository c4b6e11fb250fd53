#include "daemon/worker/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sockherd::worker {
namespace {

using ::testing::HasSubstr;

// A kernel that refuses io_uring with this.
template <int kCode>
Result<std::unique_ptr<io::Loop>> refuse(io::Engine engine) {
  if (engine == io::Engine::IoUring) return errno_error("io_uring_setup", kCode);
  return io::Loop::create(engine);
}
Result<std::unique_ptr<io::Loop>> refuse_all(io::Engine /*engine*/) {
  return errno_error("epoll_create1", EMFILE);
}

TEST(Engine, IsTheOneThatIsAskedFor) {
  const auto epoll = std::move(choose_loop("epoll")).value();
  EXPECT_EQ(epoll.loop->engine(), io::Engine::Epoll);
  EXPECT_EQ(epoll.refusal, "");
  const auto uring = std::move(choose_loop("io_uring")).value();
  EXPECT_EQ(uring.loop->engine() == io::Engine::IoUring, uring.refusal.empty());
}

TEST(Engine, IsEpollWhereTheKernelRefusesIoUringAndSaysWhatToDo) {
  const LoopChoice forbidden = std::move(choose_loop("io_uring", refuse<EPERM>)).value();
  EXPECT_EQ(forbidden.loop->engine(), io::Engine::Epoll);
  EXPECT_EQ(forbidden.refusal, "io_uring_setup: Operation not permitted");
  EXPECT_THAT(forbidden.remedy, HasSubstr("kernel.io_uring_disabled"));
  const LoopChoice missing = std::move(choose_loop("io_uring", refuse<ENOSYS>)).value();
  EXPECT_EQ(missing.loop->engine(), io::Engine::Epoll);
  EXPECT_THAT(missing.remedy, HasSubstr("engine = \"epoll\""));
  const LoopChoice old = std::move(choose_loop("io_uring", refuse<EINVAL>)).value();
  EXPECT_THAT(old.remedy, HasSubstr("6.1"));
}

TEST(Engine, AutomaticIsNoReasonToComplain) {
  const LoopChoice choice = std::move(choose_loop("auto", refuse<EPERM>)).value();
  EXPECT_EQ(choice.loop->engine(), io::Engine::Epoll);
  EXPECT_EQ(choice.refusal, "");
}

TEST(Engine, HasNoneWithoutDescriptors) {
  EXPECT_FALSE(choose_loop("io_uring", refuse_all).ok());
}

}  // namespace
}  // namespace sockherd::worker
