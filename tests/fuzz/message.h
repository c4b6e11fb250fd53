// One message as a parser has understood it: what two parsers must agree on.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

enum class Verdict { Taken, Refused, WantsMore };

struct Message {
  Verdict verdict = Verdict::WantsMore;
  std::string reason;                                       // Refused
  size_t consumed = 0;                                      // Taken: where the next message begins
  std::string method;                                       // of a response: its status
  std::string target;                                       // of a response: its reason phrase
  std::vector<std::pair<std::string, std::string>> fields;  // of the head
  std::string content;
  int minor_version = 1;
  bool keep_alive = true;
};
