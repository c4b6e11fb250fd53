// Requests with a few faults in them, the same ones at each run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

class RequestMutator {
 public:
  // seeds: whole requests. seed: of the sequence.
  RequestMutator(std::vector<std::string> seeds, uint64_t seed);

  std::string next();

 private:
  size_t below(size_t bound);
  std::string_view one_of(const std::vector<std::string>& choices);
  void mutate(std::string& bytes);
  void insert_line(std::string& bytes);

  std::vector<std::string> seeds_;
  uint64_t state_;
};
