#include "admin/api/problem.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sockherd::api {
namespace {

using nlohmann::json;

TEST(Problem, IsWrittenAsRfc9457Says) {
  const Answer written = answer({.status = 422,
                                 .type = "out-of-range",
                                 .title = "The number is out of bounds",
                                 .detail = "at most 64",
                                 .errors = {{"at most 64", "/workers", {}}},
                                 .fields = {{"Retry-After", "1"}}},
                                "/v1/pools/web/desired");
  EXPECT_EQ(written.status, 422);
  EXPECT_EQ(written.content_type, "application/problem+json");
  EXPECT_EQ(json::parse(written.body), json::parse(R"({"type": "urn:sockherd:problem:out-of-range",
                            "title": "The number is out of bounds", "status": 422,
                            "detail": "at most 64", "instance": "/v1/pools/web/desired",
                            "errors": [{"detail": "at most 64", "pointer": "/workers"}]})"));
  ASSERT_EQ(written.fields.size(), 1U);
  EXPECT_EQ(written.fields[0].name, "Retry-After");
}

TEST(Problem, LeavesOutWhatIsEmpty) {
  const json written = json::parse(answer({404, "no-such-path", "There is none"}, "").body);
  EXPECT_FALSE(written.contains("detail"));
  EXPECT_FALSE(written.contains("instance"));
  EXPECT_FALSE(written.contains("errors"));
}

TEST(Problem, SurvivesTextThatIsNoUtf8) {
  const Answer written = answer({404, "x", "t", "pool \xFF"}, "/\xC3");
  EXPECT_TRUE(json::accept(written.body));
}

TEST(Problem, HasAStatusForEachErrorOfTheBus) {
  const struct {
    const char* name;
    int status;
  } kCases[] = {{bus::kErrorNoSuchPool, 404},
                {bus::kErrorNoSuchSlot, 404},
                {bus::kErrorOutOfRange, 422},
                {bus::kErrorBusy, 409},
                {bus::kErrorStopping, 503},
                {bus::kErrorUnavailable, 503},
                {SD_BUS_ERROR_NO_REPLY, 504},
                {SD_BUS_ERROR_TIMEOUT, 504},
                {SD_BUS_ERROR_DISCONNECTED, 503},
                {"System.Error.ECONNRESET", 503},
                {"org.freedesktop.DBus.Error.UnknownMethod", 500}};
  for (const auto& [name, status] : kCases)
    EXPECT_EQ(problem_of({name, "why"}).status, status) << name;
}

}  // namespace
}  // namespace sockherd::api
