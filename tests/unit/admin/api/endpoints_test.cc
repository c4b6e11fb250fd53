#include "admin/api/endpoints.h"

#include <gtest/gtest.h>

#include <set>

namespace sockherd::api {
namespace {

using http::Method;

TEST(Endpoints, AreFoundByPathAndMethod) {
  const struct {
    Method method;
    const char* path;
    EndpointId id;
  } kCases[] = {{Method::Get, "/", EndpointId::Dashboard},
                {Method::Head, "/metrics", EndpointId::Metrics},
                {Method::Get, "/v1/pools", EndpointId::Pools},
                {Method::Get, "/v1/pools/web", EndpointId::Pool},
                {Method::Get, "/v1/pools/web/workers", EndpointId::Workers},
                {Method::Put, "/v1/pools/web/desired", EndpointId::Desired},
                {Method::Post, "/v1/pools/web/restart", EndpointId::RestartPool},
                {Method::Post, "/v1/pools/web/workers/3/restart", EndpointId::RestartWorker}};
  for (const auto& [method, path, id] : kCases) {
    const Endpoint* endpoint = match_path(path).find(method);
    ASSERT_NE(endpoint, nullptr) << path;
    EXPECT_EQ(endpoint->id, id) << path;
  }
}

TEST(Endpoints, DoNotMatchOtherPaths) {
  for (const char* path :
       {"", "*", "/v1", "/v1/", "/v1/pools/", "/v1/pools//workers", "/metrics/", "//metrics",
        "/v1/pools/web/workers/3", "/v1/pools/web/desired/x", "/METRICS", "/livezz"})
    EXPECT_TRUE(match_path(path).endpoints.empty()) << path;
}

TEST(Endpoints, SayWhichMethodsAPathTakes) {
  EXPECT_EQ(match_path("/metrics").allowed_methods(), "GET, HEAD, OPTIONS");
  EXPECT_EQ(match_path("/v1/pools/web/desired").allowed_methods(), "PUT, OPTIONS");
  EXPECT_EQ(match_path("/v1/reload").allowed_methods(), "POST, OPTIONS");
}

TEST(Endpoints, ReadWithGetAndChangeWithTheRest) {
  std::set<std::string> seen;
  for (const Endpoint& endpoint : endpoints()) {
    EXPECT_EQ(endpoint.effect == Effect::Reads, endpoint.method == Method::Get) << endpoint.pattern;
    EXPECT_TRUE(
        seen.insert(std::string(http::method_name(endpoint.method)) + std::string(endpoint.pattern))
            .second);
  }
}

TEST(NormalizePath, DecodesUnreservedCharactersOnly) {
  EXPECT_EQ(normalize_path("/v1/%70ools/we%62"), "/v1/pools/web");
  EXPECT_EQ(normalize_path("/a-b_c.d~e"), "/a-b_c.d~e");
  for (const char* path : {"/a%2Fb", "/a%00", "/a%0d%0a", "/a%C3%BC", "/a%", "/a%4", "/a%zz",
                           "/a%25", "/a%+4", "/a%2e%2e%2f"})
    EXPECT_EQ(normalize_path(path), "") << path;
}

}  // namespace
}  // namespace sockherd::api
