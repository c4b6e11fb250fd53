#include "admin/api/message.h"

#include <gtest/gtest.h>

namespace sockherd::api {
namespace {

TEST(Request, FindsAllFieldsOfANameWhateverItsCase) {
  Request request;
  request.fields = {{"Accept", "a"}, {"Host", "h"}, {"ACCEPT", "b"}};
  EXPECT_EQ(request.values("accept"), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_TRUE(request.values("Accep").empty());
}

TEST(QueryValue, TellsEmptyFromMissing) {
  EXPECT_EQ(query_value("wait=0&verbose", "wait"), "0");
  EXPECT_EQ(query_value("verbose=&wait=0", "wait"), "0");
  EXPECT_NE(query_value("wait=0&verbose", "verbose").data(), nullptr);
  EXPECT_EQ(query_value("verbose=", "verbose"), "");
  for (const char* query : {"", "waiting=1", "await=1", "&&", "=wait"})
    EXPECT_EQ(query_value(query, "wait").data(), nullptr) << query;
}

}  // namespace
}  // namespace sockherd::api
