#include "admin/load/plan.h"

#include "admin/load/machine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sockherd::load {
namespace {

using testing::HasSubstr;

Plan plan_for(uint64_t connections, std::string_view address = "127.0.0.1:80") {
  Plan plan;
  plan.connections = connections;
  plan.address = sys::SocketAddress::parse(address).value();
  return plan;
}

constexpr uint64_t kDescriptors = 20'000;
constexpr uint32_t kPorts = 28'232;

TEST(Plan, TakesAsManyProcessesAsDescriptorsAndCpusAskFor) {
  struct Case {
    uint64_t connections;
    std::string address;
    uint32_t processes;
  };
  for (const Case& c : std::vector<Case>{{1, "10.0.0.1:80", 1},
                                         {50, "10.0.0.1:80", 4},
                                         {50, "127.0.0.1:80", 2},  // the server has the others
                                         {50, "unix:/x", 4},
                                         {1'000'000, "127.0.0.1:80", 51}}) {
    Plan plan = plan_for(c.connections, c.address);
    ASSERT_TRUE(complete_plan(plan, kDescriptors, kPorts, 4).ok());
    EXPECT_EQ(plan.processes, c.processes) << c.connections << " " << c.address;
  }
}

TEST(Plan, ComesFromManyAddressesOfLoopbackWherePortsRunOut) {
  Plan plan = plan_for(1'000'000);
  ASSERT_TRUE(complete_plan(plan, kDescriptors, kPorts, 2).ok());
  EXPECT_EQ(plan.sources.text(), "127.0.0.2-127.0.0.108");
  EXPECT_TRUE(judge({.descriptors = kDescriptors,
                     .files_most = 5'000'000,
                     .watches_most = 5'000'000,
                     .first_port = 32768,
                     .last_port = 60999,
                     .tcp_pages_most = 3'000'000,
                     .memory_free_bytes = uint64_t{20} << 30},
                    demand_of(plan))
                  .empty());
  plan = plan_for(10'000);
  ASSERT_TRUE(complete_plan(plan, kDescriptors, kPorts, 2).ok());
  EXPECT_TRUE(plan.sources.is_any());
}

TEST(Plan, RefusesWhatCannotBe) {
  Plan plan = plan_for(100'000);
  plan.processes = 2;
  EXPECT_THAT(complete_plan(plan, kDescriptors, kPorts, 2).error().what,
              HasSubstr("at least 6 processes"));
  plan = plan_for(2);
  plan.processes = 3;
  EXPECT_THAT(complete_plan(plan, kDescriptors, kPorts, 2).error().what, HasSubstr("at most 2"));
  plan = plan_for(2, "[::1]:80");
  plan.sources = Sources::parse("127.0.0.2").value();
  EXPECT_THAT(complete_plan(plan, kDescriptors, kPorts, 2).error().what, HasSubstr("IPv4"));
  EXPECT_THAT(complete_plan(plan, 10, kPorts, 2).error().what, HasSubstr("ulimit -n"));
}

TEST(Plan, EveryConnectionBelongsToOneProcess) {
  Plan plan = plan_for(1003);
  plan.processes = 7;
  plan.senders = 9;
  uint64_t connections = 0;
  uint64_t senders = 0;
  for (uint32_t process = 0; process < 7; ++process) {
    connections += connections_of(plan, process);
    senders += senders_of(plan, process);
  }
  EXPECT_EQ(connections, 1003U);
  EXPECT_EQ(senders, 9U);
}

TEST(Sources, AreARangeOrOneAddress) {
  const Sources range = Sources::parse("127.0.0.2-127.0.1.1").value();
  EXPECT_EQ(range.count(), 256U);
  EXPECT_EQ(range.of(0), 0x7f000002U);
  EXPECT_EQ(range.of(255), 0x7f000101U);
  EXPECT_EQ(range.of(256), 0x7f000002U);
  EXPECT_EQ(range.text(), "127.0.0.2-127.0.1.1");
  EXPECT_EQ(Sources::parse("10.1.2.3").value().text(), "10.1.2.3");
  for (const char* wrong : {"", "-", "127.0.0.3-127.0.0.2", "localhost", "127.0.0.1-x", "::1"}) {
    EXPECT_FALSE(Sources::parse(wrong).ok()) << wrong;
  }
}

TEST(Target, ReadsUrls) {
  const Target plain = Target::parse("http://example.org", Protocol::Http).value();
  EXPECT_EQ(plain.host + " " + plain.port + " " + plain.path, "example.org 80 /");
  const Target full = Target::parse("ws://[::1]:81/a?b=c#d", Protocol::WebSocket).value();
  EXPECT_EQ(full.host + " " + full.port + " " + full.path, "::1 81 /a?b=c");
  EXPECT_EQ(full.field, "[::1]:81");
  EXPECT_EQ(full.resolve().value().text(), "[::1]:81");
  EXPECT_EQ(Target::parse("http://x?q", Protocol::Http).value().path, "/?q");
  const Target local = Target::parse("unix:/run/x:/y", Protocol::Http).value();
  EXPECT_EQ(local.resolve().value().text() + " " + local.path, "unix:/run/x /y");
  EXPECT_EQ(Target::parse("unix:/run/x", Protocol::Http).value().path, "/");
}

TEST(Target, RefusesWithTheReason) {
  const std::pair<const char*, const char*> kCases[] = {
      {"https://x/", "TLS is not supported"},
      {"wss://x/", "TLS is not supported"},
      {"ws://x/", "must begin with http://"},
      {"x.org", "must begin with http://"},
      {"http:///x", "no host"},
      {"http://x:0/", "the port"},
      {"http://x:70000/", "the port"},
      {"http://x:/", "the port"},
      {"http://a:b@x/", "--header"},
      {"http://x/a b", "must be encoded"},
      {"http://x/\r\nA: b", "must be encoded"},
      {"unix:/x:y", "unix:/SOCKET"},
  };
  for (const auto& [url, why] : kCases) {
    const Result<Target> target = Target::parse(url, Protocol::Http);
    ASSERT_FALSE(target.ok()) << url;
    EXPECT_THAT(target.error().what, HasSubstr(why)) << url;
  }
}

}  // namespace
}  // namespace sockherd::load
