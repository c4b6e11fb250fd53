#include "admin/api/json_input.h"

#include <gtest/gtest.h>

namespace sockherd::api {
namespace {

constexpr NumberMember kWorkers[] = {{"workers", 1, 64}};

Problem problem_with(std::string_view content) {
  auto read = read_numbers(content, kWorkers);
  EXPECT_TRUE(std::holds_alternative<Problem>(read)) << content;
  return std::get<Problem>(std::move(read));
}

TEST(JsonInput, ReadsTheMembersThatAnEndpointTakes) {
  for (const char* content : {"{\"workers\": 8}", " {\"workers\":8 } \n"}) {
    const auto read = read_numbers(content, kWorkers);
    ASSERT_TRUE(std::holds_alternative<Numbers>(read)) << content;
    EXPECT_EQ(std::get<Numbers>(read).at("workers"), 8);
  }
}

TEST(JsonInput, TakesEmptyContentWhereNothingIsRequired) {
  for (const char* content : {"", "{}", " { } "})
    EXPECT_TRUE(std::holds_alternative<Numbers>(read_numbers(content, {}))) << content;
}

TEST(JsonInput, NamesTheOffsetOfMalformedJson) {
  const struct {
    const char* content;
    size_t offset;
  } kCases[] = {{"{\"workers\": 8,}", 14}, {"{\"workers\": }", 12}, {"nope", 1}, {"{", 1}};
  for (const auto& [content, offset] : kCases) {
    const Problem problem = problem_with(content);
    EXPECT_EQ(problem.status, 400) << content;
    ASSERT_EQ(problem.errors.size(), 1U);
    EXPECT_EQ(problem.errors[0].offset, offset) << content << ": " << problem.detail;
    EXPECT_NE(problem.detail.find("syntax error"), std::string::npos);
    EXPECT_EQ(problem.detail.find("json.exception"), std::string::npos);
  }
}

TEST(JsonInput, RefusesMoreThanOneValue) {
  EXPECT_EQ(problem_with("{\"workers\":8}{}").status, 400);
}

TEST(JsonInput, RefusesWhatIsNoUtf8) {
  EXPECT_EQ(problem_with("{\"work\xFF\": 8}").status, 400);
}

TEST(JsonInput, PointsToTheFaultyMember) {
  const struct {
    const char* content;
    const char* pointer;
    const char* says;
  } kCases[] = {
      {"[]", "", "must be an object, not array"},
      {"8", "", "must be an object, not number"},
      {"{}", "/workers", "is missing: an integer from 1 to 64"},
      {"{\"workers\": \"8\"}", "/workers", "must be an integer from 1 to 64, not string"},
      {"{\"workers\": 8.0}", "/workers", "not a fraction"},
      {"{\"workers\": null}", "/workers", "not null"},
      {"{\"workers\": 0}", "/workers", "must be from 1 to 64, not 0"},
      {"{\"workers\": -1}", "/workers", "not -1"},
      {"{\"workers\": 65}", "/workers", "must be from 1 to 64, not 65"},
      {"{\"workers\": 18446744073709551615}", "/workers", "not 18446744073709551615"},
      {"{\"workers\": 1e999}", "", "number overflow"},
      {"{\"workers\": 8, \"a/b~\": 1}", "/a~1b~0", "this endpoint takes \"workers\""},
      {"{\"workers\": 8, \"workers\": 9}", "/workers", "stands there twice"},
  };
  for (const auto& [content, pointer, says] : kCases) {
    const Problem problem = problem_with(content);
    ASSERT_EQ(problem.errors.size(), 1U) << content;
    EXPECT_EQ(problem.errors[0].pointer, pointer) << content;
    EXPECT_NE(problem.errors[0].detail.find(says), std::string::npos) << problem.errors[0].detail;
  }
}

TEST(JsonInput, ReportsEveryFaultAtOnce) {
  EXPECT_EQ(problem_with("{\"workers\": \"8\", \"x\": 1, \"y\": 2}").errors.size(), 3U);
}

TEST(JsonInput, SurvivesDeepNesting) {
  EXPECT_EQ(problem_with(std::string(200'000, '[')).status, 400);
}

}  // namespace
}  // namespace sockherd::api
