#include "daemon/http/conditional.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "daemon/http/date.h"

namespace sockherd::http {
namespace {

constexpr int64_t kNow = 1700000000;
constexpr int64_t kModified = 784111777;
constexpr char kBefore[] = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr char kSame[] = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr char kAfter[] = "Sun, 06 Nov 1994 08:49:38 GMT";

constexpr Validators kBoth{.etag = "\"a\"", .last_modified = kModified};

Evaluation evaluate(Method method, const std::vector<Field>& fields,
                    const Validators& validators = kBoth) {
  const auto head = std::make_unique<RequestHead>();
  head->method = method;
  for (const Field& field : fields) head->storage[head->field_count++] = field;
  return evaluate_conditions(*head, validators, kNow);
}

Condition condition(Method method, const std::vector<Field>& fields,
                    const Validators& validators = kBoth) {
  return evaluate(method, fields, validators).condition;
}

TEST(Conditional, ProceedsWithoutConditions) {
  EXPECT_EQ(condition(Method::Get, {}), Condition::Proceed);
  EXPECT_EQ(condition(Method::Get, {}, {}), Condition::Proceed);
}

TEST(Conditional, ComparesIfNoneMatchWeakly) {
  const struct {
    const char* list;
    bool matches;
  } cases[] = {
      {"\"a\"", true},
      {"W/\"a\"", true},
      {"\"b\", \"a\"", true},
      {"\"b\" ,\t\"a\"", true},
      {",, \"a\"", true},
      {"\"b,\", \"a\"", true},
      {"*", true},
      {"\"b\"", false},
      {"\"A\"", false},
      {"a", false},
      {"\"a", false},
      {"w/\"a\"", false},
      {"\"b,\"a\"", false},
      {"\"b\" \"a\"", false},
      {"", false},
      {"\"\"", false},
      {"\"x\"y, \"a\"", false},
      {"W/ \"a\"", false},
      {"*, \"b\"", false},
  };
  for (const auto& row : cases) {
    const std::vector<Field> fields = {{"if-none-match", row.list}};
    const auto unless = [&row](Condition matched) {
      return row.matches ? matched : Condition::Proceed;
    };
    EXPECT_EQ(condition(Method::Get, fields), unless(Condition::NotModified)) << row.list;
    EXPECT_EQ(condition(Method::Head, fields), unless(Condition::NotModified)) << row.list;
    EXPECT_EQ(condition(Method::Put, fields), unless(Condition::PreconditionFailed)) << row.list;
  }
}

TEST(Conditional, ReadsAListOverAllOfItsLines) {
  const std::vector<Field> fields = {{"If-None-Match", "\"b\""}, {"IF-NONE-MATCH", "\"a\""}};
  EXPECT_EQ(condition(Method::Get, fields), Condition::NotModified);
}

TEST(Conditional, ComparesIfMatchStrongly) {
  const auto with = [](const char* list, const Validators& validators = kBoth) {
    return condition(Method::Put, {{"If-Match", list}}, validators);
  };
  EXPECT_EQ(with("\"a\""), Condition::Proceed);
  EXPECT_EQ(with("\"b\", \"a\""), Condition::Proceed);
  EXPECT_EQ(with("*"), Condition::Proceed);
  EXPECT_EQ(with("W/\"a\""), Condition::PreconditionFailed);
  EXPECT_EQ(with("\"b\""), Condition::PreconditionFailed);
  EXPECT_EQ(with("garbage"), Condition::PreconditionFailed);
  EXPECT_EQ(with("W/\"a\"", {.etag = "W/\"a\""}), Condition::PreconditionFailed);
  EXPECT_EQ(with("\"a\"", {}), Condition::PreconditionFailed);
  EXPECT_EQ(with("*", {.exists = false}), Condition::PreconditionFailed);
}

TEST(Conditional, AsksWhetherThereIsAnythingByAStar) {
  EXPECT_EQ(condition(Method::Put, {{"If-None-Match", "*"}}, {.exists = false}),
            Condition::Proceed);
  EXPECT_EQ(condition(Method::Put, {{"If-None-Match", "*"}}), Condition::PreconditionFailed);
}

TEST(Conditional, ComparesDates) {
  const auto modified = [](const char* date) {
    return condition(Method::Get, {{"If-Modified-Since", date}});
  };
  EXPECT_EQ(modified(kBefore), Condition::Proceed);
  EXPECT_EQ(modified(kSame), Condition::NotModified);
  EXPECT_EQ(modified(kAfter), Condition::NotModified);
  EXPECT_EQ(modified("Sunday, 06-Nov-94 08:49:37 GMT"), Condition::NotModified);
  const auto unmodified = [](const char* date) {
    return condition(Method::Get, {{"If-Unmodified-Since", date}});
  };
  EXPECT_EQ(unmodified(kBefore), Condition::PreconditionFailed);
  EXPECT_EQ(unmodified(kSame), Condition::Proceed);
  EXPECT_EQ(unmodified(kAfter), Condition::Proceed);
}

TEST(Conditional, IgnoresDatesThatSayNothing) {
  for (const char* date : {"", "yesterday", "Mon, 06 Nov 1994 08:49:37 GMT"}) {
    EXPECT_EQ(condition(Method::Get, {{"If-Modified-Since", date}}), Condition::Proceed);
    EXPECT_EQ(condition(Method::Get, {{"If-Unmodified-Since", date}}), Condition::Proceed);
  }
  const Validators tag_only{.etag = "\"a\""};
  EXPECT_EQ(condition(Method::Get, {{"If-Modified-Since", kAfter}}, tag_only), Condition::Proceed);
  EXPECT_EQ(condition(Method::Get, {{"If-Unmodified-Since", kBefore}}, tag_only),
            Condition::Proceed);
  EXPECT_EQ(condition(Method::Post, {{"If-Modified-Since", kAfter}}), Condition::Proceed);
}

TEST(Conditional, KeepsTheOrderOfTheRfc) {
  // A tag outweighs the date that stands beside it.
  EXPECT_EQ(condition(Method::Get, {{"If-None-Match", "\"b\""}, {"If-Modified-Since", kAfter}}),
            Condition::Proceed);
  EXPECT_EQ(condition(Method::Get, {{"If-None-Match", "\"a\""}, {"If-Modified-Since", kBefore}}),
            Condition::NotModified);
  EXPECT_EQ(condition(Method::Get, {{"If-Match", "\"a\""}, {"If-Unmodified-Since", kBefore}}),
            Condition::Proceed);
  // 412 comes before 304.
  EXPECT_EQ(condition(Method::Get, {{"If-None-Match", "\"a\""}, {"If-Match", "\"b\""}}),
            Condition::PreconditionFailed);
  EXPECT_EQ(condition(Method::Get, {{"If-Match", "\"a\""}, {"If-None-Match", "\"a\""}}),
            Condition::NotModified);
}

TEST(Conditional, SaysWhetherARangeCounts) {
  const Field range{"Range", "bytes=0-1"};
  const auto counts = [&range](const char* if_range, const Validators& validators = kBoth) {
    return evaluate(Method::Get, {range, {"If-Range", if_range}}, validators).range_counts;
  };
  EXPECT_TRUE(evaluate(Method::Get, {range}).range_counts);
  EXPECT_FALSE(evaluate(Method::Get, {}).range_counts);
  EXPECT_FALSE(evaluate(Method::Head, {range}).range_counts);
  EXPECT_FALSE(evaluate(Method::Get, {range, range}).range_counts);
  EXPECT_FALSE(evaluate(Method::Get, {range, {"If-None-Match", "\"a\""}}).range_counts);
  EXPECT_TRUE(counts("\"a\""));
  EXPECT_FALSE(counts("\"b\""));
  EXPECT_FALSE(counts("W/\"a\""));
  EXPECT_FALSE(counts("W/\"a\"", {.etag = "W/\"a\""}));
  EXPECT_FALSE(counts("\"a\", \"b\""));
  EXPECT_FALSE(counts(""));
  EXPECT_FALSE(counts("garbage"));
  EXPECT_TRUE(counts(kSame));
  EXPECT_FALSE(counts(kBefore));
  EXPECT_FALSE(counts(kAfter));
  EXPECT_FALSE(counts(kSame, {.etag = "\"a\""}));
}

// Until its second is over, the file may change once more and keep its date.
TEST(Conditional, TrustsNoDateOfThisSecondForARange) {
  const Field range{"Range", "bytes=0-1"};
  const auto counts = [&range](int64_t modified) {
    const auto date = format_date(modified);
    const Field if_range{"If-Range", {date.data(), date.size()}};
    return evaluate(Method::Get, {range, if_range}, {.last_modified = modified}).range_counts;
  };
  EXPECT_TRUE(counts(kNow - 1));
  EXPECT_FALSE(counts(kNow));
  EXPECT_FALSE(counts(kNow + 1));
}

TEST(Conditional, TakesSeveralDatesForNone) {
  const auto twice = [](const char* name, const char* date) {
    return condition(Method::Get, {{name, date}, {name, date}});
  };
  EXPECT_EQ(twice("If-Modified-Since", kSame), Condition::Proceed);
  EXPECT_EQ(twice("If-Unmodified-Since", kBefore), Condition::Proceed);
  const Field range{"Range", "bytes=0-1"};
  const Field if_range{"If-Range", "\"a\""};
  EXPECT_TRUE(evaluate(Method::Get, {range, if_range}).range_counts);
  EXPECT_FALSE(evaluate(Method::Get, {range, if_range, if_range}).range_counts);
}

TEST(Conditional, MeansNothingToMethodsThatSelectNothing) {
  for (const Method method : {Method::Connect, Method::Options, Method::Trace}) {
    EXPECT_EQ(condition(method, {{"If-Match", "\"b\""}}), Condition::Proceed);
    EXPECT_EQ(condition(method, {{"If-None-Match", "*"}}), Condition::Proceed);
  }
}

}  // namespace
}  // namespace sockherd::http
