#include "daemon/supervisor/substitution.h"

#include <gtest/gtest.h>

namespace sockherd::supervisor {
namespace {

Marks some_marks() {
  return {.fds = {{"web", 3}, {"more", 4}},
          .port = "8080",
          .socket = "/run/x.sock",
          .pool = "api",
          .slot = 7,
          .generation = 12};
}

struct Case {
  const char* text;
  const char* expected;
};

TEST(Substitution, SaysWhoTheWorkerIsAndStaysOutOfAllElse) {
  constexpr Case kCases[] = {
      {"", ""},
      {"plain", "plain"},
      {"id={slot}", "id=7"},
      {"{slot}{slot}", "77"},
      {"{pool}.{slot}.{generation}", "api.7.12"},
      {"--fd={fd:web},{fd:more}", "--fd=3,4"},
      {"{fd:none}", "{fd:none}"},
      {"{fd:}", "{fd:}"},
      {"127.0.0.1:{port}", "127.0.0.1:8080"},
      {"unix:{socket}", "unix:/run/x.sock"},
      {"{{slot}", "{slot}"},
      {"{{{slot}", "{7"},
      {"{{{{", "{{"},
      {"{", "{"},
      {"a{", "a{"},
      {"{slot", "{slot"},
      {"{slo{slot}t}", "{slo7t}"},
      {R"({"port": {port}, "a": {}})", R"({"port": 8080, "a": {}})"},
      {"{Slot} { slot } {word}", "{Slot} { slot } {word}"},
      {"}{slot}}", "}7}"},
      {"${HOME}", "${HOME}"},
  };
  for (const Case& one : kCases) {
    EXPECT_EQ(substitute(one.text, some_marks()), one.expected) << one.text;
  }
}

TEST(Substitution, WhatAWorkerDoesNotHaveStaysAsItIs) {
  EXPECT_EQ(substitute("{port} {socket} {fd:web} {slot}", {}), "{port} {socket} {fd:web} 0");
}

TEST(Substitution, WhatWasPutInIsNotReadAgain) {
  Marks marks = some_marks();
  marks.pool = "{slot}";
  EXPECT_EQ(substitute("{pool}", marks), "{slot}");
}

}  // namespace
}  // namespace sockherd::supervisor
