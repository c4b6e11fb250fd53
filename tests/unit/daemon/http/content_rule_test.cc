#include "daemon/http/content_rule.h"

#include <gtest/gtest.h>

namespace sockherd::http {
namespace {

TEST(ContentRule, SaysWhichAnswersHaveContent) {
  const struct {
    Method method;
    int status;
    ContentRule rule;
  } cases[] = {
      {Method::Get, 200, ContentRule::Sent},     {Method::Get, 206, ContentRule::Sent},
      {Method::Get, 404, ContentRule::Sent},     {Method::Post, 201, ContentRule::Sent},
      {Method::Unknown, 501, ContentRule::Sent}, {Method::Get, 304, ContentRule::Unsent},
      {Method::Head, 200, ContentRule::Unsent},  {Method::Head, 404, ContentRule::Unsent},
      {Method::Head, 304, ContentRule::Unsent},  {Method::Head, 204, ContentRule::None},
      {Method::Get, 204, ContentRule::None},     {Method::Get, 100, ContentRule::None},
      {Method::Get, 101, ContentRule::None},     {Method::Post, 205, ContentRule::Empty},
      {Method::Connect, 200, ContentRule::None}, {Method::Connect, 204, ContentRule::None},
      {Method::Connect, 407, ContentRule::Sent},
  };
  for (const auto& row : cases) {
    EXPECT_EQ(content_rule(row.method, row.status), row.rule) << row.status;
  }
}

}  // namespace
}  // namespace sockherd::http
