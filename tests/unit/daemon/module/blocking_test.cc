// Handlers that may wait. Threads meet at latches, and time passes when told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "tests/unit/daemon/module/app_harness.h"

namespace sockherd::module {
namespace {

using stats::Count;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Handlers that begin and wait until they are let go.
struct Gate {
  std::latch begun{1};
  std::latch open{1};

  void set_up(App& app) {
    app.get(
        "/wait",
        [this](Request&, Response& response) {
          begun.count_down();
          open.wait();
          response.text("waited");
        },
        app::kBlocking);
    app.get(
        "/quick",
        [](Request& request, Response& response) {
          response.text(std::string(request.query("a").value_or("")) + " " +
                        std::string(request.header("host").value_or("")) + " " +
                        (std::this_thread::get_id() == main_thread ? "loop" : "thread"));
        },
        app::kBlocking);
    app.post(
        "/body",
        [](Request& request, Response& response) { response.text(std::string(request.body())); },
        app::kBlocking);
    app.get(
        "/throw", [](Request&, Response&) { throw std::runtime_error("x"); }, app::kBlocking);
    app.get(
        "/keep", [](Request&, Response& response) { response.keep(); }, app::kBlocking);
  }
  static inline std::thread::id main_thread = std::this_thread::get_id();
};

std::string wait_request() {
  return AppHarness::message("GET", "/wait");
}

TEST(Blocking, RunsInAnotherThread) {
  Gate gate;
  AppHarness app([&](App& routes) { gate.set_up(routes); });
  worker::Client client = app.engine.connect();
  client.send(AppHarness::message("GET", "/quick?a=1"));
  EXPECT_EQ(content_of(app.await(client)), "1 h thread");
  client.send(AppHarness::message("POST", "/body", "", "hello"));
  EXPECT_EQ(content_of(app.await(client)), "hello");
  client.send(AppHarness::message("GET", "/throw"));
  EXPECT_THAT(app.await(client), StartsWith("HTTP/1.1 500 "));
  client.send(AppHarness::message("GET", "/keep"));
  EXPECT_THAT(app.await(client), StartsWith("HTTP/1.1 500 "));
  EXPECT_EQ(app.count(Count::BlockingStarted), 4u);
  EXPECT_EQ(app.count(Count::BlockingEnded), 4u);
  EXPECT_EQ(app.count(Count::HandlerFailures), 2u);
  EXPECT_EQ(app.engine.service().background, 0u);
}

TEST(Blocking, AnswersOthersMeanwhile) {
  Gate gate;
  AppHarness app([&](App& routes) { gate.set_up(routes); });
  worker::Client client = app.engine.connect();
  EXPECT_EQ(app.engine.exchange(client, wait_request()), "");
  gate.begun.wait();
  EXPECT_EQ(content_of(app.engine.get("/plaintext")), "Hello, World!");
  EXPECT_EQ(app.engine.service().background, 1u);
  gate.open.count_down();
  EXPECT_EQ(content_of(app.await(client)), "waited");
}

TEST(Blocking, RefusesWhatTheQueueDoesNotHold) {
  Gate gate;
  AppHarness app([&](App& routes) { gate.set_up(routes); }, {.threads = 1, .depth = 2});
  worker::Client running = app.engine.connect();
  app.engine.exchange(running, wait_request());
  gate.begun.wait();
  worker::Client first = app.engine.connect();
  worker::Client second = app.engine.connect();
  EXPECT_EQ(app.engine.exchange(first, AppHarness::message("GET", "/quick")), "");
  EXPECT_EQ(app.engine.exchange(second, AppHarness::message("GET", "/quick")), "");
  const std::string refused = app.get("/quick");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refused, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_EQ(app.count(Count::BlockingFull), 1u);
  gate.open.count_down();
  EXPECT_THAT(app.await(first), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(app.await(second), StartsWith("HTTP/1.1 200 "));
}

TEST(Blocking, RefusesWhatWaitsTooLong) {
  Gate gate;
  AppHarness app([&](App& routes) { gate.set_up(routes); }, {.threads = 1, .depth = 2});
  worker::Client running = app.engine.connect();
  app.engine.exchange(running, wait_request());
  gate.begun.wait();
  worker::Client waiting = app.engine.connect();
  app.engine.exchange(waiting, AppHarness::message("GET", "/quick"));
  app.engine.advance(std::chrono::milliseconds(4900));
  EXPECT_EQ(waiting.read(), "");
  app.engine.advance(std::chrono::milliseconds(5200));
  const std::string refused = waiting.read();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refused, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_EQ(app.count(Count::BlockingQueueTimeouts), 1u);
  gate.open.count_down();
  EXPECT_THAT(app.await(running), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(app.count(Count::BlockingStarted), 1u);
  EXPECT_EQ(app.count(Count::BlockingQueued),
            app.count(Count::BlockingStarted) + app.count(Count::BlockingCancelled));
}

TEST(Blocking, GivesUpOnWhatRunsTooLongAndDropsItsAnswer) {
  Gate gate;
  AppHarness app([&](App& routes) { gate.set_up(routes); });
  worker::Client client = app.engine.connect();
  app.engine.exchange(client, wait_request());
  gate.begun.wait();
  app.engine.advance(std::chrono::seconds(29));
  EXPECT_EQ(client.read(), "");
  app.engine.advance(std::chrono::seconds(60));
  app.engine.advance(std::chrono::seconds(120));
  EXPECT_THAT(client.read(), StartsWith("HTTP/1.1 504 "));
  EXPECT_EQ(app.count(Count::BlockingTimeouts), 1u);
  EXPECT_EQ(app.engine.service().background, 1u);
  gate.open.count_down();
  for (int i = 0; i < 1000 && app.engine.service().background > 0; ++i) {
    app.engine.loop().turn(app.engine.loop().now() + std::chrono::seconds(10));
  }
  EXPECT_EQ(app.count(Count::BlockingLate), 1u);
  EXPECT_EQ(client.read(), "");
}

TEST(Blocking, TakesBackWhatNobodyWaitsForAnyMore) {
  Gate gate;
  AppHarness app([&](App& routes) { gate.set_up(routes); }, {.threads = 1, .depth = 2});
  worker::Client running = app.engine.connect();
  app.engine.exchange(running, wait_request());
  gate.begun.wait();
  worker::Client leaving = app.engine.connect();
  app.engine.exchange(leaving, AppHarness::message("GET", "/quick"));
  EXPECT_EQ(app.engine.service().background, 2u);
  leaving.close();
  app.engine.run();
  EXPECT_EQ(app.engine.service().background, 1u);
  EXPECT_EQ(app.count(Count::BlockingCancelled), 1u);
  gate.open.count_down();
  EXPECT_THAT(app.await(running), StartsWith("HTTP/1.1 200 "));
}

TEST(Blocking, RunsWorkOfTheApplication) {
  std::vector<std::string> order;
  bool accepted = false;
  AppHarness app([&](App& routes) {
    routes.get("/work", [&](Request&, Response& response) {
      auto result = std::make_shared<int>(0);
      accepted = routes.blocking([result] { *result = 42; },
                                 [result, kept = response.keep()] {
                                   kept->text(std::to_string(*result));
                                   kept->send();
                                 });
    });
  });
  worker::Client client = app.engine.connect();
  client.send(AppHarness::message("GET", "/work"));
  EXPECT_EQ(content_of(app.await(client)), "42");
  EXPECT_TRUE(accepted);
}

TEST(BlockingPool, HasNoThreadUntilItIsNeeded) {
  BlockingPool pool({.threads = 4, .depth = 1});
  EXPECT_FALSE(pool.is_busy());
}

}  // namespace
}  // namespace sockherd::module
