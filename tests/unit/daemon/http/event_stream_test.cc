#include "daemon/http/event_stream.h"

#include <gtest/gtest.h>

namespace sockherd::http {
namespace {

TEST(EventStream, GivesEveryLineAField) {
  EXPECT_EQ(write_stream_event({.data = "a"}), "data: a\n\n");
  EXPECT_EQ(write_stream_event({.data = ""}), "data: \n\n");
  EXPECT_EQ(write_stream_event({.data = "a\nb\r\nc\rd\n"}),
            "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
  EXPECT_EQ(write_stream_event({.data = "x", .event = "e", .id = "7", .retry_ms = 10}),
            "event: e\nid: 7\nretry: 10\ndata: x\n\n");
}

TEST(EventStream, RefusesNamesOfSeveralLines) {
  EXPECT_TRUE(is_stream_event({.data = "a\nb", .event = "e", .id = "i"}));
  EXPECT_FALSE(is_stream_event({.data = "", .event = "a\nb", .id = ""}));
  EXPECT_FALSE(is_stream_event({.data = "", .event = "", .id = "a\rb"}));
  EXPECT_FALSE(is_stream_event({.data = "", .event = "", .id = std::string_view("a\0", 2)}));
}

}  // namespace
}  // namespace sockherd::http
