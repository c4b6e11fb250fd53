#include "admin/api/access.h"

#include <gtest/gtest.h>

namespace sockherd::api {
namespace {

using metrics::Refused;

Request request_with(std::string host, std::vector<HeaderField> fields = {},
                     Peer::Kind kind = Peer::Kind::Tcp) {
  Request request;
  request.host = std::move(host);
  request.fields = std::move(fields);
  request.peer.kind = kind;
  return request;
}

const AccessRules& rules() {
  static const AccessRules kRules({"127.0.0.1:9753", "10.0.0.7:9753"},
                                  {"admin.example.org", "other.example.org:8443"});
  return kRules;
}

struct HostCase {
  const char* host;
  bool allowed;
};
class HostRule : public testing::TestWithParam<HostCase> {};

TEST_P(HostRule, IsExactOnTcp) {
  EXPECT_EQ(rules().check(request_with(GetParam().host)) != Refused::Host, GetParam().allowed)
      << GetParam().host;
}

INSTANTIATE_TEST_SUITE_P(
    Hosts, HostRule,
    testing::Values(HostCase{"127.0.0.1:9753", true}, HostCase{"localhost:9753", true},
                    HostCase{"LocalHost:9753", true}, HostCase{"[::1]:9753", true},
                    HostCase{"10.0.0.7:9753", true}, HostCase{"admin.example.org", true},
                    HostCase{"admin.example.org:9753", true},
                    HostCase{"other.example.org:8443", true}, HostCase{"", false},
                    HostCase{"localhost", false}, HostCase{"127.0.0.1", false},
                    HostCase{"localhost:80", false}, HostCase{"localhost:97530", false},
                    HostCase{"127.0.0.1:9753.evil.example", false},
                    HostCase{"evil.example:9753", false}, HostCase{"admin.example.org.", false},
                    HostCase{"admin.example.org:80", false}, HostCase{"x.admin.example.org", false},
                    HostCase{"other.example.org", false}, HostCase{"127.0.0.2:9753", false},
                    HostCase{"[::1]", false}));

TEST(AccessRules, TakeAnyHostOnAUnixSocket) {
  for (const char* host : {"", "anything", "localhost"})
    EXPECT_EQ(rules().check(request_with(host, {}, Peer::Kind::Unix)), std::nullopt);
}

TEST(AccessRules, LeaveTheDefaultPortOut) {
  const AccessRules on_80({"127.0.0.1:80"}, {});
  EXPECT_EQ(on_80.check(request_with("localhost")), std::nullopt);
}

struct FieldCase {
  std::vector<HeaderField> fields;
  std::optional<Refused> refused;
};
class FieldRule : public testing::TestWithParam<FieldCase> {};

TEST_P(FieldRule, HoldsOnTcpAndOnUnixSockets) {
  for (const Peer::Kind kind : {Peer::Kind::Tcp, Peer::Kind::Unix}) {
    EXPECT_EQ(rules().check(request_with("localhost:9753", GetParam().fields, kind)),
              GetParam().refused);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Fields, FieldRule,
    testing::Values(FieldCase{{}, std::nullopt},
                    FieldCase{{{"Origin", "http://localhost:9753"}}, std::nullopt},
                    FieldCase{{{"Origin", "https://admin.example.org"}}, std::nullopt},
                    FieldCase{{{"origin", "http://10.0.0.7:9753"}}, std::nullopt},
                    FieldCase{{{"Origin", "null"}}, Refused::Origin},
                    FieldCase{{{"Origin", ""}}, Refused::Origin},
                    FieldCase{{{"Origin", "http://evil.example"}}, Refused::Origin},
                    FieldCase{{{"Origin", "http://localhost"}}, Refused::Origin},
                    FieldCase{{{"Origin", "http://localhost:9753.evil.example"}}, Refused::Origin},
                    FieldCase{{{"Origin", "localhost:9753"}}, Refused::Origin},
                    FieldCase{{{"Origin", "file://localhost:9753"}}, Refused::Origin},
                    FieldCase{{{"Origin", "http://user@localhost:9753"}}, Refused::Origin},
                    FieldCase{
                        {{"Origin", "http://localhost:9753"}, {"ORIGIN", "http://evil.example"}},
                        Refused::Origin},
                    FieldCase{{{"Sec-Fetch-Site", "same-origin"}}, std::nullopt},
                    FieldCase{{{"Sec-Fetch-Site", "none"}}, std::nullopt},
                    FieldCase{{{"Sec-Fetch-Site", "cross-site"}}, Refused::FetchSite},
                    FieldCase{{{"Sec-Fetch-Site", "same-site"}}, Refused::FetchSite},
                    FieldCase{{{"Sec-Fetch-Site", "none"}, {"Sec-Fetch-Site", "cross-site"}},
                              Refused::FetchSite},
                    FieldCase{{{"Origin", "null"}, {"Sec-Fetch-Site", "none"}}, Refused::Origin}));

TEST(AccessRules, RefuseUpgrades) {
  Request request = request_with("localhost:9753");
  request.upgrade = true;
  EXPECT_EQ(rules().check(request), Refused::Upgrade);
}

TEST(AccessRules, TakeOnlyJsonForWhatChangesThings) {
  const struct {
    std::vector<HeaderField> fields;
    bool allowed;
  } kCases[] = {{{{"Content-Type", "application/json"}}, true},
                {{{"content-type", "Application/JSON; charset=utf-8"}}, true},
                {{{"Content-Type", "application/json ;x=y"}}, true},
                {{}, false},
                {{{"Content-Type", ""}}, false},
                {{{"Content-Type", "text/plain"}}, false},
                {{{"Content-Type", "application/x-www-form-urlencoded"}}, false},
                {{{"Content-Type", "multipart/form-data"}}, false},
                {{{"Content-Type", "application/jsonp"}}, false},
                {{{"Content-Type", "text/plain;application/json"}}, false},
                {{{"Content-Type", "application/json"}, {"Content-Type", "text/plain"}}, false}};
  const Endpoint& change = *match_path("/v1/reload").find(http::Method::Post);
  const Endpoint& read = *match_path("/metrics").find(http::Method::Get);
  for (const auto& [fields, allowed] : kCases) {
    const Request request = request_with("localhost:9753", fields);
    EXPECT_EQ(!AccessRules::check_content_type(request, change), allowed);
    EXPECT_FALSE(AccessRules::check_content_type(request, read));
  }
}

TEST(Refusals, HaveTheStatusesThatTheyShould) {
  EXPECT_EQ(refusal(Refused::Host).status, 421);
  EXPECT_EQ(refusal(Refused::Origin).status, 403);
  EXPECT_EQ(refusal(Refused::FetchSite).status, 403);
  EXPECT_EQ(refusal(Refused::Upgrade).status, 400);
  EXPECT_EQ(refusal(Refused::ContentType).status, 415);
}

}  // namespace
}  // namespace sockherd::api
