#include "daemon/config/bus_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sockherd::config {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(BusUrl, IsTakenApart) {
  struct Case {
    const char* text;
    BusUrl url;
  };
  const Case cases[] = {
      {"redis://10.0.0.5", {"10.0.0.5:6379", "", "", 0}},
      {"redis://10.0.0.5/", {"10.0.0.5:6379", "", "", 0}},
      {"redis://10.0.0.5:7000/3", {"10.0.0.5:7000", "", "", 3}},
      {"redis://[::1]", {"[::1]:6379", "", "", 0}},
      {"redis://[0::1]:7000", {"[::1]:7000", "", "", 0}},
      {"redis://:secret@10.0.0.5", {"10.0.0.5:6379", "", "secret", 0}},
      {"redis://me:se:cret@10.0.0.5:7000/1", {"10.0.0.5:7000", "me", "se:cret", 1}},
      {"redis://m%40e:p%25%2f%3A@10.0.0.5", {"10.0.0.5:6379", "m@e", "p%/:", 0}},
      {"redis://me:a@b/c@10.0.0.5", {"10.0.0.5:6379", "me", "a@b/c", 0}},
  };
  for (const Case& c : cases) {
    const auto url = parse_bus_url(c.text);
    ASSERT_TRUE(url.ok()) << c.text << ": " << url.error().what;
    EXPECT_EQ(url.value(), c.url) << c.text;
  }
}

TEST(BusUrl, SaysWhatIsWrongAndNeverThePassword) {
  struct Case {
    const char* text;
    const char* what;
  };
  const Case cases[] = {
      {"rediss://:hunter2@10.0.0.5", "TLS to Redis is not built in"},
      {"nats://10.0.0.5", "expected \"redis://"},
      {"10.0.0.5:6379", "expected \"redis://"},
      {"redis://redis.example", "must be numeric"},
      {"redis://", "address is missing"},
      {"redis://10.0.0.5:x", "the port must be a number"},
      {"redis://:hunter2@10.0.0.5/x", "number of a database"},
      {"redis://hunter2@10.0.0.5", "USER:PASSWORD"},
      {"redis://me:@10.0.0.5", "password before \"@\" is empty"},
      {"redis://me:hunter2%@10.0.0.5", "%25"},
      {"redis://me:hunter2%4@10.0.0.5", "%25"},
      {"redis://unix:/run/redis.sock", "by TCP"},
  };
  for (const Case& c : cases) {
    const auto url = parse_bus_url(c.text);
    ASSERT_FALSE(url.ok()) << c.text;
    EXPECT_THAT(url.error().what, HasSubstr(c.what)) << c.text;
    EXPECT_THAT(url.error().what, Not(HasSubstr("hunter2"))) << c.text;
  }
}

TEST(BusUrl, IsShownWithoutItsPassword) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"redis://10.0.0.5:6379/0", "redis://10.0.0.5:6379/0"},
      {"redis://:hunter2@10.0.0.5", "redis://:***@10.0.0.5"},
      {"redis://me:hunter2@10.0.0.5/1", "redis://me:***@10.0.0.5/1"},
      {"rediss://me:a@b:c@h", "rediss://me:***@h"},
      {"me:hunter2@10.0.0.5", "me:***@10.0.0.5"},
  };
  for (const auto& [text, shown] : cases) EXPECT_EQ(redacted(text), shown);
}

}  // namespace
}  // namespace sockherd::config
