#include "admin/api/router.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "admin/api/endpoints.h"

namespace sockherd::api {
namespace {

Request request_for(http::Method method, std::string path, std::string body = "") {
  Request request;
  request.method = method;
  request.path = std::move(path);
  request.body = std::move(body);
  return request;
}

// "/v1/pools/{pool}" → "/v1/pools/x"; a slot is a number.
std::string example_of(std::string_view pattern) {
  std::string path(pattern);
  const auto replace = [&](std::string_view from, std::string_view to) {
    if (const size_t at = path.find(from); at != std::string::npos)
      path.replace(at, from.size(), to);
  };
  replace("{pool}", "x");
  replace("{slot}", "3");
  return path;
}

TEST(Router, LeadsEveryEndpointToAHandler) {
  Router router;
  for (const Endpoint& endpoint : endpoints()) {
    const Outcome outcome = router.route(
        request_for(endpoint.method, example_of(endpoint.pattern), "{\"workers\":1}"), true);
    const auto* answered = std::get_if<Answer>(&outcome);
    EXPECT_TRUE(answered == nullptr || answered->status != 404) << endpoint.pattern;
  }
}

TEST(Router, LeadsHeadToTheHandlerOfGet) {
  Router router;
  const Outcome outcome = router.route(request_for(http::Method::Head, "/livez"), true);
  EXPECT_EQ(std::get<Answer>(outcome).status, 200);
}

TEST(Router, Answers404WithoutAnEndpoint) {
  Router router;
  for (const char* path : {"/nope", "/v1/pools/a/b/c", "", "/v1/pools/a b"}) {
    const Outcome outcome = router.route(request_for(http::Method::Get, path), true);
    EXPECT_EQ(std::get<Answer>(outcome).status, 404) << path;
  }
}

TEST(Router, HandsTheSegmentsOfThePathToTheHandler) {
  Router router;
  const Outcome outcome = router.route(
      request_for(http::Method::Post, "/v1/pools/web-2/workers/17/restart", "{}"), true);
  const auto& call = std::get<Call>(outcome);
  EXPECT_STREQ(call.method, "Restart");
  EXPECT_EQ(call.arguments,
            (bus::Client::Arguments{std::string("web-2"), int32_t{17}, std::string("admin, ")}));
}

// libstdc++'s regular expressions recurse by length: the longest path that a head may have must
// not be too long for the stack.
TEST(Router, SurvivesTheLongestPath) {
  Router router;
  const std::string path = "/v1/pools/" + std::string(2048, 'x');
  EXPECT_TRUE(
      std::holds_alternative<Gather>(router.route(request_for(http::Method::Get, path), true)));
}

TEST(Handlers, SayThatTheSupervisorIsGone) {
  Router router;
  const Outcome outcome = router.route(request_for(http::Method::Get, "/livez"), false);
  EXPECT_EQ(std::get<Answer>(outcome).status, 503);
}

TEST(Handlers, ScaleWithACallOnTheBus) {
  Router router;
  const Outcome outcome = router.route(
      request_for(http::Method::Put, "/v1/pools/web/desired", "{\"workers\": 8}"), true);
  const auto& call = std::get<Call>(outcome);
  EXPECT_STREQ(call.method, "SetWorkers");
  EXPECT_EQ(call.arguments,
            (bus::Client::Arguments{std::string("web"), uint32_t{8}, std::string("admin, ")}));
}

TEST(Handlers, RefuseContentThatTheyDoNotTake) {
  Router router;
  for (const char* path :
       {"/v1/reload", "/v1/pools/web/restart", "/v1/pools/web/workers/0/restart"}) {
    const Outcome outcome =
        router.route(request_for(http::Method::Post, path, "{\"force\": 1}"), true);
    EXPECT_EQ(std::get<Answer>(outcome).status, 422) << path;
  }
}

TEST(Handlers, KnowNoSlotThatIsNoNumber) {
  Router router;
  for (const char* slot : {"x", "-1", "4294967296", "+1", "1.0", "0x1"}) {
    const Outcome outcome = router.route(
        request_for(http::Method::Post, std::string("/v1/pools/web/workers/") + slot + "/restart"),
        true);
    EXPECT_EQ(std::get<Answer>(outcome).status, 404) << slot;
  }
}

TEST(Handlers, AnswerAReloadAtOnceWhenAsked) {
  Router router;
  Request request = request_for(http::Method::Post, "/v1/reload");
  request.query = "wait=0";
  const Outcome outcome = router.route(request, true);
  const auto& call = std::get<Call>(outcome);
  ASSERT_TRUE(call.answer_at_once);
  EXPECT_EQ(call.answer_at_once->status, 202);
  request.query = "wait=soon";
  EXPECT_EQ(std::get<Answer>(router.route(request, true)).status, 400);
}

TEST(Handlers, TellRefusedConfigurationsFromFailedWorkers) {
  Router router;
  const Outcome outcome = router.route(request_for(http::Method::Post, "/v1/reload"), true);
  const auto& render = std::get<Call>(outcome).render;
  EXPECT_EQ(render({nullptr, {bus::kErrorBusy, "one at a time"}}).status, 409);
  EXPECT_EQ(render({nullptr, {bus::kErrorStopping, "too late"}}).status, 503);
  EXPECT_EQ(render({nullptr, {SD_BUS_ERROR_TIMEOUT, "no answer in time"}}).status, 504);
}

}  // namespace
}  // namespace sockherd::api
