// The server as clients meet it: framing, limits, deadlines, crowds, and its end.
#include "admin/api/server.h"

#include <gmock/gmock.h>

#include "tests/unit/admin/api/admin_fixture.h"

namespace sockherd::api {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class Server : public AdminFixture {};

constexpr char kLivez[] = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(Server, AnswersAndKeepsTheConnection) {
  start();
  TestClient client = connect_unix();
  for (int i = 0; i < 3; ++i) {
    client.send(kLivez);
    const Received answer = answer_of(client);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "ok\n");
    EXPECT_EQ(answer.field("Cache-Control"), "no-store");
    EXPECT_EQ(answer.field("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(answer.field("Connection"), "");
  }
}

TEST_F(Server, AnswersARequestThatComesByteByByte) {
  start();
  TestClient client = connect_unix();
  for (const char byte : change_bytes("PUT", "/v1/pools/web/desired", "{\"workers\": 8}")) {
    client.send({&byte, 1});
    sd_event_run(loop_, 0);
  }
  EXPECT_EQ(answer_of(client).status, 200);
}

TEST_F(Server, AnswersPipelinedRequestsInTheirOrder) {
  start();
  TestClient client = connect_unix();
  client.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" +
              change_bytes("POST", "/v1/reload", "{}") + kLivez +
              "GET /nope HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer_of(client).body, HasSubstr("sockherd_build_info"));
  EXPECT_TRUE(answer_of(client).json()["ok"]);
  EXPECT_EQ(answer_of(client).body, "ok\n");
  EXPECT_EQ(answer_of(client).status, 404);
}

TEST_F(Server, AnswersManyPipelinedRequestsWithoutStarvingOthers) {
  start();
  TestClient greedy = connect_unix();
  std::string many;
  for (int i = 0; i < 400; ++i) many += kLivez;
  greedy.send(many);
  EXPECT_EQ(get("/livez").status, 200);
  for (int i = 0; i < 400; ++i) ASSERT_EQ(answer_of(greedy).status, 200) << i;
}

TEST_F(Server, AnswersHeadWithTheLengthAndNoBody) {
  start();
  const Received head = ask("HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n", true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("Content-Length"), "3");
}

TEST_F(Server, ClosesWhenTheClientWantsThat) {
  start();
  for (const char* request : {"GET /livez HTTP/1.0\r\n\r\n",
                              "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"}) {
    TestClient client = connect_unix();
    client.send(request);
    const Received answer = answer_of(client);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.field("Connection"), "close");
    EXPECT_TRUE(is_closed(client));
  }
}

TEST_F(Server, ReadsChunkedBodies) {
  start();
  const Received answer =
      ask("PUT /v1/pools/web/desired HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
          "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"wor\r\nA\r\nkers\": 12}\r\n0\r\n\r\n");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(supervisor_->calls.back(), "SetWorkers web 12");
}

TEST_F(Server, AsksForTheBodyThatTheClientHoldsBack) {
  start();
  TestClient client = connect_unix();
  client.send(
      "POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(answer_of(client).status, 100);
  client.send("{}");
  EXPECT_EQ(answer_of(client).status, 200);
}

TEST_F(Server, RefusesBeforeTheBodyIsSent) {
  start();
  TestClient client = connect_unix();
  client.send(
      "POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
      "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(answer_of(client).status, 415);
  EXPECT_TRUE(is_closed(client));
}

TEST_F(Server, RefusesWhatIsNoSoundRequestAndCloses) {
  start();
  const std::string many_fields = [] {
    std::string fields;
    for (int i = 0; i < 65; ++i) fields += "X: y\r\n";
    return fields;
  }();
  const struct {
    std::string bytes;
    int status;
  } kCases[] = {
      {"GET /livez HTTP/1.1\r\n\r\n", 400},                        // no Host
      {"GET /livez HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400},  // two of them
      {"GET /livez HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400},  // obs-fold
      {"GET /livez HTTP/1.1\r\nHost : x\r\n\r\n", 400},            // blank before colon
      {"GET /livez HTTP/1.1\r\nHost: x\rEvil: y\r\n\r\n", 400},    // bare CR
      {"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
      {"POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
       "Transfer-Encoding: chunked\r\n\r\n",
       400},
      {"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n", 505},
      {"GET /" + std::string(2048, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
      {"GET /livez HTTP/1.1\r\nHost: x\r\n" + many_fields + "\r\n", 431},
      {"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + std::string(17000, 'a') + "\r\n\r\n", 431},
      {change_bytes("POST", "/v1/reload").insert(0, "\r\n\r\n"), 400},
      {"PUT /v1/pools/web/desired HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
       "Content-Length: 1048577\r\n\r\n",
       413},
      {"PUT /v1/pools/web/desired HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
       "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
       400},
  };
  for (const auto& [bytes, status] : kCases) {
    TestClient client = connect_unix();
    client.send(bytes);
    const Received answer = answer_of(client);
    EXPECT_EQ(answer.status, status) << bytes.substr(0, 200);
    EXPECT_EQ(answer.field("Content-Type"), "application/problem+json");
    EXPECT_EQ(answer.json()["status"], status);
    EXPECT_TRUE(is_closed(client)) << bytes.substr(0, 200);
  }
}

TEST_F(Server, DecodesNothingInFieldValues) {
  start();
  // cpp-httplib 0.11 turns %0d%0a in a value into a line break, and takes REMOTE_ADDR from clients.
  const Received answer =
      ask("GET /readyz HTTP/1.1\r\nHost: x\r\nREMOTE_ADDR: 127.0.0.1\r\nX: a%0d%0aOrigin: "
          "null\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
}

TEST_F(Server, Answers408ToAHalfSentRequest) {
  start({.request_timeout = 60ms});
  for (const char* bytes : {"GET /livez HT",
                            "POST /v1/reload HTTP/1.1\r\nHost: x\r\n"
                            "Content-Type: application/json\r\n"
                            "Content-Length: 9\r\n\r\n{"}) {
    TestClient client = connect_unix();
    client.send(bytes);
    EXPECT_EQ(answer_of(client).status, 408);
    EXPECT_TRUE(is_closed(client));
  }
}

TEST_F(Server, ClosesSilentAndIdleConnectionsWithoutAWord) {
  start({.request_timeout = 60ms, .idle_timeout = 60ms});
  TestClient silent = connect_unix();
  EXPECT_TRUE(is_closed(silent));
  EXPECT_FALSE(silent.take());
  TestClient idle = connect_unix();
  idle.send(kLivez);
  EXPECT_EQ(answer_of(idle).status, 200);
  EXPECT_TRUE(is_closed(idle));
  EXPECT_FALSE(idle.take());
}

TEST_F(Server, GivesUpOnAClientThatDoesNotRead) {
  start({.write_timeout = 60ms});
  TestClient client = connect_unix();
  std::string many;
  for (int i = 0; i < 1500; ++i) many += "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send(many);  // 45 MB of answers
  const auto fewer_connections = [&] {
    return get("/metrics").body.find("\nsockherd_admin_connections 1\n") != std::string::npos;
  };
  EXPECT_TRUE(run_until(fewer_connections));
}

TEST_F(Server, DoesNotDelayOthersForHalfSentRequests) {
  start();
  std::vector<TestClient> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(connect_unix());
    slow.back().send(i % 2 == 0 ? "GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "
                                : "POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Type: "
                                  "application/json\r\nContent-Length: 50\r\n\r\n{");
  }
  while (sd_event_run(loop_, 0) > 0) {
  }
  const auto turns = [this] {
    uint64_t count = 0;
    sd_event_get_iteration(loop_, &count);
    return count;
  };
  for (int i = 0; i < 20; ++i) {
    const uint64_t before = turns();
    EXPECT_EQ(get("/livez").status, 200);
    EXPECT_LE(turns() - before, 10U) << "none of them is looked at";
  }
}

TEST_F(Server, DoesNotDelayOthersForAPendingReload) {
  start();
  supervisor_->hold = true;
  TestClient waiting = connect_unix();
  waiting.send(change_bytes("POST", "/v1/reload"));
  EXPECT_EQ(get("/livez").status, 200);
  EXPECT_EQ(get("/v1/status").status, 200);
  EXPECT_FALSE(waiting.take());
  supervisor_->release(true);
  EXPECT_EQ(answer_of(waiting).status, 200);
}

TEST_F(Server, ClosesTheLongestIdleConnectionForANewcomer) {
  start({.max_connections = 2});
  TestClient oldest = connect_unix();
  oldest.send(kLivez);
  EXPECT_EQ(answer_of(oldest).status, 200);
  TestClient busy = connect_unix();
  busy.send("GET /li");
  EXPECT_EQ(get("/livez").status, 200);
  EXPECT_TRUE(is_closed(oldest));
  busy.send("vez HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer_of(busy).status, 200);
}

TEST_F(Server, Answers503WhenEverybodyIsBusy) {
  start({.max_connections = 2, .max_refused_connections = 1});
  TestClient busy[] = {connect_unix(), connect_unix()};
  for (TestClient& client : busy) client.send("GET /li");
  TestClient refused = connect_unix();
  refused.send(kLivez);
  const Received answer = answer_of(refused);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.field("Retry-After"), "1");
  refused.close();
  busy[0].send("vez HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer_of(busy[0]).status, 200);
}

TEST_F(Server, ForgetsAClientThatLeavesBeforeItsAnswer) {
  start();
  supervisor_->hold = true;
  {
    TestClient leaving = connect_unix();
    leaving.send(change_bytes("POST", "/v1/reload"));
    ASSERT_TRUE(run_until([&] { return supervisor_->calls.size() == 1; }));
  }
  EXPECT_EQ(get("/livez").status, 200);
  supervisor_->release(true);
  EXPECT_EQ(get("/livez").status, 200);
}

TEST_F(Server, AnswersAClientThatHasShutItsOwnDirection) {
  start();
  TestClient client = connect_unix();
  client.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  ::shutdown(client.fd(), SHUT_WR);
  EXPECT_EQ(answer_of(client).status, 200);
  EXPECT_TRUE(is_closed(client));
}

TEST_F(Server, EndsAtOnceWhenNothingIsUnderWay) {
  start();
  TestClient idle = connect_unix();
  idle.send(kLivez);
  EXPECT_EQ(answer_of(idle).status, 200);
  admin_->stop();
  EXPECT_EQ(run_to_end(), 0);
  EXPECT_TRUE(idle.receive());
}

TEST_F(Server, FinishesWhatIsUnderWayBeforeItEnds) {
  start();
  supervisor_->hold = true;
  TestClient waiting = connect_unix();
  waiting.send(change_bytes("POST", "/v1/reload"));
  ASSERT_TRUE(run_until([&] { return supervisor_->calls.size() == 1; }));
  admin_->stop();
  supervisor_->release(true);
  const Received answer = answer_of(waiting);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("Connection"), "close");
  waiting.close();
  EXPECT_EQ(run_to_end(), 0);
}

TEST_F(Server, DoesNotWaitForeverToEnd) {
  start({.stop_timeout = 60ms});
  supervisor_->hold = true;
  TestClient waiting = connect_unix();
  waiting.send(change_bytes("POST", "/v1/reload"));
  ASSERT_TRUE(run_until([&] { return supervisor_->calls.size() == 1; }));
  admin_->stop();
  EXPECT_EQ(run_to_end(), 0) << "without the supervisor's answer";
}

TEST_F(Server, ExitsWhenTheSupervisorIsGone) {
  start();
  EXPECT_EQ(get("/livez").status, 200);
  supervisor_.reset();
  EXPECT_EQ(run_to_end(), 1);
}

TEST_F(Server, ExitsOnSigterm) {
  start();
  EXPECT_EQ(get("/livez").status, 200);
  ::raise(SIGTERM);
  EXPECT_EQ(run_to_end(), 0);
}

}  // namespace
}  // namespace sockherd::api
