#include "daemon/worker/router.h"

#include <gtest/gtest.h>

namespace sockherd::worker {
namespace {

class Named final : public Handler {
 public:
  std::unique_ptr<Job> handle(const Request&, Exchange&) override { return nullptr; }
};

TEST(Router, ChoosesTheLongestPrefixOnWholeSegments) {
  Router router;
  std::vector<std::pair<std::string, Handler*>> added;
  for (const char* prefix : {"/static/", "/", "/static/big", "/api"}) {
    auto handler = std::make_unique<Named>();
    added.emplace_back(prefix, handler.get());
    router.add(prefix, std::move(handler));
  }
  const auto prefix_of = [&](std::string_view path) -> std::string {
    for (const auto& [prefix, handler] : added) {
      const Router::Route* found = router.find(path);
      if (found != nullptr && found->handler.get() == handler) return prefix;
    }
    return "none";
  };
  EXPECT_EQ(prefix_of("/"), "/");
  EXPECT_EQ(prefix_of("/index.html"), "/");
  EXPECT_EQ(prefix_of("/static"), "/static/");
  EXPECT_EQ(prefix_of("/static/"), "/static/");
  EXPECT_EQ(prefix_of("/static/a/b"), "/static/");
  EXPECT_EQ(prefix_of("/static-old"), "/");
  EXPECT_EQ(prefix_of("/static/big"), "/static/big");
  EXPECT_EQ(prefix_of("/static/bigger"), "/static/");
  EXPECT_EQ(prefix_of("/static/big/x"), "/static/big");
  EXPECT_EQ(prefix_of("/api"), "/api");
  EXPECT_EQ(prefix_of("/apis"), "/");
}

TEST(Router, FindsNobodyOutsideOfItsRoutes) {
  Router router;
  router.add("/api", std::make_unique<Named>());
  EXPECT_EQ(router.find("/"), nullptr);
  EXPECT_EQ(router.find("/apix"), nullptr);
  EXPECT_NE(router.find("/api"), nullptr);
}

}  // namespace
}  // namespace sockherd::worker
