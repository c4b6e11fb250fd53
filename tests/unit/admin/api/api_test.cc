// The API as clients meet it: what each endpoint answers, over a supervisor that answers so.
#include "admin/api/api.h"

#include <gmock/gmock.h>

#include "admin/metrics/text_format.h"
#include "tests/unit/admin/api/admin_fixture.h"

namespace sockherd::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

class Api : public AdminFixture {
 protected:
  Received get_over_tcp(const std::string& path, const std::string& host,
                        const std::string& fields = "") {
    TestClient client = connect_tcp();
    client.send("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n");
    return answer_of(client);
  }
  size_t calls_of(const std::string& method) const {
    return static_cast<size_t>(
        std::count(supervisor_->calls.begin(), supervisor_->calls.end(), method));
  }
};

TEST_F(Api, ServesMetricsOfBusAndPages) {
  start();
  const uint32_t seat = *segment_->take_seat(1, 3);
  segment_->seat(seat).counters.add(stats::Count::Requests, 42);
  const Received answer = get("/metrics");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("Content-Type"), metrics::kTextContentType);
  EXPECT_THAT(answer.body, HasSubstr("sockherd_http_requests_total{pool=\"web\",slot=\"1\"} 42\n"));
  EXPECT_THAT(answer.body, HasSubstr("sockherd_workers_desired{pool=\"web\"} 2\n"));
  EXPECT_THAT(answer.body, HasSubstr("process_open_fds{process=\"admin\"} "));
  EXPECT_THAT(get("/metrics").body, HasSubstr("sockherd_admin_requests_total{code=\"2xx\"} 1\n"));
}

TEST_F(Api, PacksMetricsForWhoTakesGzip) {
  start();
  const Received answer = ask("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n");
  EXPECT_EQ(answer.field("Content-Encoding"), "gzip");
  EXPECT_EQ(answer.field("Vary"), "Accept-Encoding");
  EXPECT_TRUE(answer.body.starts_with("\x1f\x8b"));
}

TEST_F(Api, OpensStatisticsOncePerPoolAndGeneration) {
  start();
  get("/metrics");
  get("/metrics");
  EXPECT_EQ(calls_of("OpenStatistics web"), 1U);
  supervisor_->pools = {test_pool("web", 2, 2), test_pool("new", 1, 1)};
  supervisor_->add_segment("new", 1, 1);
  EXPECT_THAT(get("/metrics").body, HasSubstr("http_requests_total{pool=\"new\",slot=\"0\"} 0"));
  EXPECT_EQ(calls_of("OpenStatistics web"), 1U);
  EXPECT_EQ(calls_of("OpenStatistics new"), 1U);
  supervisor_->pools = {test_pool("web", 2, 2, {}, 4)};
  EXPECT_THAT(get("/metrics").body, Not(HasSubstr("pool=\"new\"")));
  EXPECT_EQ(calls_of("OpenStatistics web"), 2U);
}

TEST_F(Api, AsksForNoStatisticsOfOtherPrograms) {
  start();
  supervisor_->pools = {test_pool("api", 2, 2, {"node", "server.js"})};
  EXPECT_EQ(get("/metrics").status, 200);
  EXPECT_THAT(supervisor_->calls, Not(testing::Contains(HasSubstr("OpenStatistics"))));
}

TEST_F(Api, ShowsThePoolWhosePagesCannotBeHad) {
  start();
  supervisor_->pools = {test_pool("web", 2, 2), test_pool("other", 1, 1)};
  const auto pools = get("/v1/pools").json()["pools"];
  EXPECT_TRUE(pools[0].contains("traffic"));
  EXPECT_FALSE(pools[1].contains("traffic"));
  EXPECT_EQ(get("/metrics").status, 200);
}

TEST_F(Api, AnswersManyScrapesWithFewRounds) {
  start();
  std::vector<TestClient> scrapers;
  for (int i = 0; i < 50; ++i) {
    scrapers.push_back(connect_unix());
    scrapers.back().send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  for (TestClient& scraper : scrapers) EXPECT_EQ(answer_of(scraper).status, 200);
  EXPECT_LE(calls_of("ListPools"), 4U);
}

TEST_F(Api, TellsWhetherTheFleetIsReady) {
  start();
  EXPECT_EQ(get("/readyz").body, "ok\n");
  EXPECT_THAT(get("/readyz?verbose").body, HasSubstr("[+] pools ready\n"));
  supervisor_->status = {};
  supervisor_->status.set("ready", false);
  supervisor_->status.set("state", std::string("starting"));
  EXPECT_EQ(get("/readyz").status, 503);
  EXPECT_THAT(get("/readyz?verbose").body, HasSubstr("[-] pools not ready\n"));
  EXPECT_EQ(get("/livez").status, 200);
}

TEST_F(Api, ShowsTheDaemonPoolsWorkersAndListeners) {
  start();
  const uint32_t seat = *segment_->take_seat(1, 3);
  segment_->seat(seat).counters.add(stats::Count::Requests, 42);
  const auto status = get("/v1/status").json();
  EXPECT_EQ(status["version"], "0.1.0");
  EXPECT_EQ(status["totals"]["requests"], 42);
  EXPECT_EQ(get("/v1/pools").json()["pools"][0]["desired"], 2);
  const auto pool = get("/v1/pools/web").json();
  EXPECT_EQ(pool["name"], "web");
  EXPECT_EQ(pool["traffic"]["requests"], 42);
  const auto workers = get("/v1/pools/web/workers").json()["workers"];
  ASSERT_EQ(workers.size(), 2U);
  EXPECT_EQ(workers[0]["slot_traffic"]["requests"], 0);
  EXPECT_EQ(workers[1]["slot_traffic"]["requests"], 42);
  EXPECT_EQ(workers[1]["pid"], 4001);
  EXPECT_EQ(get("/v1/listeners").json()["listeners"][0]["accept_queue_limit"], 4096);
}

TEST_F(Api, ShowsWhatHasHappened) {
  start();
  bus::Dictionary event;
  event.set("sequence", uint64_t{41});
  event.set("event", std::string("worker-ready"));
  supervisor_->events = {event};
  supervisor_->page.set("next", uint64_t{42});
  supervisor_->page.set("lost", uint64_t{3});
  const auto json = get("/v1/events?since=38&limit=7").json();
  EXPECT_EQ(json["events"][0]["event"], "worker-ready");
  EXPECT_EQ(json["next"], 42);
  EXPECT_EQ(json["lost"], 3);
  get("/v1/events");
  EXPECT_EQ(calls_of("ListEvents 38 7"), 1U);
  EXPECT_EQ(calls_of("ListEvents 0 100"), 1U);
  for (const char* query : {"since=x", "since=-1", "limit=0", "limit=1001", "limit=", "limit=1.5"})
    EXPECT_EQ(get(std::string("/v1/events?") + query).status, 400) << query;
}

TEST_F(Api, TellsTheSupervisorWhoAsks) {
  start();
  EXPECT_EQ(change("PUT", "/v1/pools/web/desired", "{\"workers\": 3}").status, 200);
  EXPECT_THAT(supervisor_->asker, HasSubstr("admin, uid="));
  supervisor_->asker.clear();
  EXPECT_EQ(change("POST", "/v1/reload").status, 200);
  EXPECT_THAT(supervisor_->asker, HasSubstr("admin, uid="));
}

TEST_F(Api, KnowsNoOtherPools) {
  start();
  for (const char* path : {"/v1/pools/nope", "/v1/pools/nope/workers"}) {
    const Received answer = get(path);
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.json()["type"], "urn:sockherd:problem:no-such-pool");
    EXPECT_EQ(answer.json()["instance"], path);
  }
}

TEST_F(Api, Scales) {
  start();
  const Received answer = change("PUT", "/v1/pools/web/desired", "{\"workers\": 8}");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.json(), nlohmann::json::parse("{\"workers\": 8, \"before\": 4}"));
  EXPECT_THAT(supervisor_->calls, ElementsAre("SetWorkers web 8"));
}

TEST_F(Api, PassesOnWhatTheSupervisorRefuses) {
  start();
  const struct {
    const char* error;
    int status;
  } kCases[] = {{bus::kErrorNoSuchPool, 404},  {bus::kErrorOutOfRange, 422},
                {bus::kErrorBusy, 409},        {bus::kErrorStopping, 503},
                {bus::kErrorUnavailable, 503}, {"org.example.Unheard", 500}};
  for (const auto& [error, status] : kCases) {
    supervisor_->refuse_with = error;
    const Received scaled = change("PUT", "/v1/pools/web/desired", "{\"workers\": 8}");
    EXPECT_EQ(scaled.status, status) << error;
    EXPECT_THAT(scaled.json()["detail"].get<std::string>(), HasSubstr("refused so"));
    EXPECT_EQ(change("POST", "/v1/reload").status, status) << error;
    EXPECT_EQ(get("/metrics").status, status) << error;
  }
}

TEST_F(Api, PointsToTheCountThatIsOutOfBounds) {
  start();
  supervisor_->refuse_with = bus::kErrorOutOfRange;
  const auto problem = change("PUT", "/v1/pools/web/desired", "{\"workers\": 99}").json();
  EXPECT_EQ(problem["errors"][0]["pointer"], "/workers");
}

TEST_F(Api, ReloadsAndSaysHowItWent) {
  start();
  for (const char* content : {"", "{}"}) {
    const Received answer = change("POST", "/v1/reload", content);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.json(),
              nlohmann::json::parse("{\"ok\": true, \"duration_seconds\": 1.5, \"reasons\": []}"));
  }
}

TEST_F(Api, TellsARefusedConfigurationFromFailedWorkers) {
  start();
  const struct {
    std::string failure;
    std::vector<std::string> reasons;
    int status;
  } kCases[] = {{bus::kFailedConfiguration, {"pool web is not a number"}, 422},
                {bus::kFailedConfiguration, {"sockherd.toml:3:1: a", "sockherd.toml:4:1: b"}, 422},
                {bus::kFailedResources, {"bind: Address already in use"}, 503},
                {bus::kFailedWorkers, {"pool web slot 0: exit 3"}, 500},
                {bus::kFailedStopping, {"sockherd is stopping"}, 503},
                {"something new", {}, 500}};
  for (const auto& [failure, reasons, status] : kCases) {
    supervisor_->outcome = {.ok = false, .reasons = reasons, .failure = failure};
    const Received answer = change("POST", "/v1/reload");
    EXPECT_EQ(answer.status, status);
    const auto problem = answer.json();
    EXPECT_EQ(problem.value("errors", nlohmann::json::array()).size(), reasons.size());
    if (!reasons.empty()) {
      EXPECT_EQ(problem["errors"][0]["detail"], reasons[0]);
    }
  }
}

TEST_F(Api, AnswersAReloadAtOnceWhenAsked) {
  start();
  supervisor_->hold = true;
  const Received answer = change("POST", "/v1/reload?wait=0");
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.field("Location"), "/v1/status");
  EXPECT_TRUE(run_until([&] { return calls_of("Reload") == 1; }));
  supervisor_->release(true);
  EXPECT_EQ(get("/livez").status, 200);
}

TEST_F(Api, RestartsPoolsAndSlots) {
  start();
  EXPECT_EQ(change("POST", "/v1/pools/web/restart").status, 200);
  EXPECT_EQ(change("POST", "/v1/pools/web/workers/1/restart", "{}").status, 200);
  EXPECT_EQ(change("POST", "/v1/pools/web/workers/x/restart").status, 404);
  EXPECT_THAT(supervisor_->calls, ElementsAre("Restart web -1", "Restart web 1"));
}

TEST_F(Api, Answers405WithAllowAndOptions) {
  start();
  const struct {
    const char* method;
    const char* path;
    const char* allow;
  } kCases[] = {{"POST", "/metrics", "GET, HEAD, OPTIONS"},
                {"DELETE", "/v1/pools/web", "GET, HEAD, OPTIONS"},
                {"GET", "/v1/pools/web/desired", "PUT, OPTIONS"},
                {"HEAD", "/v1/reload", "POST, OPTIONS"},
                {"PATCH", "/v1/pools/web/restart", "POST, OPTIONS"},
                {"TRACE", "/", "GET, HEAD, OPTIONS"}};
  for (const auto& [method, path, allow] : kCases) {
    const bool head_only = std::string_view(method) == "HEAD";
    const Received wrong =
        ask(std::string(method) + " " + path + " HTTP/1.1\r\nHost: x\r\n\r\n", head_only);
    EXPECT_EQ(wrong.status, 405) << method << " " << path;
    EXPECT_EQ(wrong.field("Allow"), allow);
    const Received options = ask(std::string("OPTIONS ") + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(options.status, 204);
    EXPECT_EQ(options.field("Allow"), allow);
    EXPECT_EQ(options.field("Access-Control-Allow-Origin"), "");
  }
  EXPECT_TRUE(supervisor_->calls.empty());
}

TEST_F(Api, AnswersOptionsForTheWholeServer) {
  start();
  EXPECT_EQ(ask("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").status, 204);
}

TEST_F(Api, LooksAtTheHostOnTcpOnly) {
  start();
  EXPECT_EQ(get_over_tcp("/livez", tcp_host()).status, 200);
  EXPECT_EQ(get_over_tcp("/livez", "admin.example.org").status, 200);
  EXPECT_EQ(get_over_tcp("/livez", "rebound.example").status, 421);
  EXPECT_EQ(get("/livez").status, 200);  // "Host: x" on the Unix socket
}

TEST_F(Api, RefusesForeignPagesOnEveryPath) {
  start();
  for (const char* path : {"/", "/metrics", "/nope", "/v1/status"}) {
    for (const char* field :
         {"Origin: http://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"})
      EXPECT_EQ(get_over_tcp(path, tcp_host(), field).status, 403) << path << " " << field;
  }
  EXPECT_EQ(get_over_tcp("/", tcp_host(),
                         "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                         "Sec-WebSocket-Version: 13\r\n")
                .status,
            400);
  EXPECT_TRUE(supervisor_->calls.empty());
  EXPECT_THAT(get("/metrics").body,
              HasSubstr("sockherd_admin_requests_refused_total{reason=\"origin\"} 8\n"));
}

TEST_F(Api, ChangesNothingByAForm) {
  start();
  for (const char* type : {"", "Content-Type: application/x-www-form-urlencoded\r\n",
                           "Content-Type: text/plain\r\n"}) {
    EXPECT_EQ(ask(std::string("POST /v1/reload HTTP/1.1\r\nHost: x\r\n") + type +
                  "Content-Length: 0\r\n\r\n")
                  .status,
              415);
  }
  EXPECT_TRUE(supervisor_->calls.empty());
}

TEST_F(Api, TakesEncodedUnreservedCharactersAsThemselves) {
  start();
  EXPECT_EQ(get("/v1/p%6Fols/%77eb").json()["name"], "web");
  EXPECT_EQ(get("/v1/pools%2Fweb").status, 404);
}

TEST_F(Api, ServesTheDashboardUnderAStrictPolicy) {
  start();
  const Received page = get("/");
  EXPECT_EQ(page.field("Content-Type"), "text/html; charset=utf-8");
  EXPECT_THAT(page.field("Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_THAT(page.field("Content-Security-Policy"), Not(HasSubstr("unsafe")));
  EXPECT_THAT(page.body, HasSubstr("</html>"));
  EXPECT_THAT(page.body, Not(HasSubstr("innerHTML")));  // data goes in as text
}

TEST_F(Api, Answers503AndEndsWhenTheSupervisorIsLostMeanwhile) {
  start();
  supervisor_->hold = true;
  TestClient waiting = connect_unix();
  waiting.send(change_bytes("POST", "/v1/reload"));
  ASSERT_TRUE(run_until([&] { return calls_of("Reload") == 1; }));
  supervisor_.reset();
  EXPECT_EQ(run_to_end(), 1);
}

}  // namespace
}  // namespace sockherd::api
