#include "daemon/supervisor/admin_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/sys/listen_socket.h"
#include "daemon/sys/shared_memory.h"
#include "tests/unit/daemon/supervisor/loop.h"
#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

class AdminProcessTest : public LoopTest {
 protected:
  // A program that does `script` in place of sockherd-admin.
  void create(const std::string& script) {
    directory_.write("admin", "#!/bin/sh\n" + script + "\n");
    ASSERT_EQ(::chmod(directory_.path("admin").c_str(), 0755), 0);
    ASSERT_EQ(::chmod(directory_.path("").c_str(), 0777), 0);
    admin_ = AdminProcess::create(loop(),
                                  {.program = directory_.path("admin"),
                                   .runtime_directory = directory_.path(""),
                                   .environment = {"OUT=" + directory_.path("out")},
                                   .first_pause = std::chrono::milliseconds(1),
                                   .stop_timeout = std::chrono::milliseconds(50)},
                                  [this](UniqueFd end) { controls_.push_back(std::move(end)); })
                 .value();
    config_text_ =
        std::make_shared<const UniqueFd>(sys::create_sealed_file("test", "text").value());
  }

  void run(size_t sockets = 1, const std::string& user = "nobody") {
    std::vector<AdminSocket> passed;
    for (size_t i = 0; i < sockets; ++i) {
      passed.push_back(
          {"",
           sys::bind_listener(sys::parsed("127.0.0.1:0"), sys::Sharing::Exclusive, 16, 0).value()});
    }
    admin_->run(std::move(passed), {.user = user}, config_text_);
  }

  void stop_and_wait() {
    admin_->stop([this] { ++stopped_; });
    run_until([this] { return stopped_ > 0; });
    EXPECT_EQ(stopped_, 1);
  }

  // Until the program has begun: it makes a file, whose name it must be told.
  void run_until_exists(const std::string& name) {
    bool is_due = false;
    Watch timer;
    timer = Watch::timer(loop(), [&] {
              is_due = ::access(directory_.path(name).c_str(), F_OK) == 0;
              timer.arm(monotonic_now() + std::chrono::milliseconds(2));
            }).value();
    timer.arm(monotonic_now());
    run_until([&] { return is_due; });
  }

  worker::TemporaryDirectory directory_;
  std::shared_ptr<const UniqueFd> config_text_;
  std::vector<UniqueFd> controls_;
  std::unique_ptr<AdminProcess> admin_;
  int stopped_ = 0;
};

TEST_F(AdminProcessTest, PassesItsSocketsTheControlEndAndTheConfiguration) {
  create("echo $LISTEN_FDNAMES > $OUT; touch $OUT.done; exec sleep 60");
  run(2);
  EXPECT_EQ(controls_.size(), 1U);
  run_until_exists("out.done");
  std::ifstream out(directory_.path("out"));
  std::string names;
  std::getline(out, names);
  EXPECT_EQ(names, "sockherd.admin:sockherd.admin:sockherd.control:sockherd.config");
  stop_and_wait();
}

TEST_F(AdminProcessTest, ComesBackWhenItDies) {
  create("exit 1");
  run();
  run_until([this] { return controls_.size() == 2; });
  EXPECT_GE(admin_->restarts(), 1U);
  EXPECT_EQ(stopped_, 0);
  stop_and_wait();
}

// Found in review: one that could not start was tried, and told of, once a second for ever.
TEST_F(AdminProcessTest, EachPauseIsTwiceTheOneBefore) {
  create("exit 1");
  run();
  run_until([this] { return admin_->restarts() == 6; });
  EXPECT_EQ(admin_->pause(), std::chrono::milliseconds(32));
  run();  // another configuration may be a better one
  run_until([this] { return admin_->restarts() == 7; });
  EXPECT_EQ(admin_->pause(), std::chrono::milliseconds(1));
  stop_and_wait();
}

// Found in review: the supervisor asked for the user itself, and a directory service may take its
// time.
TEST_F(AdminProcessTest, TheUserIsLookedUpInTheChild) {
  REQUIRE_ROOT();
  std::string failed;
  log::set_observer([&failed](auto, auto name, auto facts) {
    if (name == "admin-start-failed") failed = facts.front().value;
  });
  create("exec sleep 60");
  run(1, "no-such-user");
  EXPECT_EQ(controls_.size(), 1U) << "it was started";
  run_until([&failed] { return !failed.empty(); });
  log::set_observer(nullptr);
  EXPECT_EQ(failed, "find the user no-such-user of " + directory_.path("admin") +
                        ": there is no such user; create it with useradd --system no-such-user,"
                        " or name another one (admin.user)");
  stop_and_wait();
}

TEST_F(AdminProcessTest, IsReplacedByOneWithTheNewSockets) {
  create("exec sleep 60");
  run();
  run(2);
  EXPECT_EQ(controls_.size(), 2U);
  EXPECT_EQ(admin_->sockets().size(), 2U);
  stop_and_wait();
  EXPECT_EQ(admin_->restarts(), 0U);
}

TEST_F(AdminProcessTest, IsStoppedWithoutSocketsAndStartedWithThemAgain) {
  create("exec sleep 60");
  run();
  run(0);
  run();
  EXPECT_EQ(controls_.size(), 2U);
  stop_and_wait();
}

TEST_F(AdminProcessTest, StopsFromInsideWhereThereIsNone) {
  create("exec sleep 60");
  admin_->stop([this] { ++stopped_; });
  EXPECT_EQ(stopped_, 1);
}

// Found in review: the supervisor waited for ever for an admin process that did not go.
TEST_F(AdminProcessTest, IsKilledWhenItDoesNotGo) {
  create("trap '' TERM; touch $OUT; exec sleep 60");  // one process: nothing outlives the test
  run();
  run_until_exists("out");
  stop_and_wait();
}

}  // namespace
}  // namespace sockherd::supervisor
