// Our parser against another, on messages that have a few faults each.
//
// Every difference has to stand in one of two lists, each entry of which is a decision of
// docs/http.md, or a known hole of the other. An entry that nothing needs is a fault, too.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/message.h"

struct Entry {
  std::string_view reason;
  std::string_view why;
};

struct Sides {
  Message (*ours)(std::string_view bytes);
  Message (*theirs)(std::string_view bytes);
  std::span<const Entry> we_refuse;   // by our reason; the other takes it, or waits for more of it
  std::span<const Entry> it_refuses;  // by its reason; we take it, or wait for more of it
  // Keep-alive may differ, both having taken it.
  bool (*may_differ_in_keep_alive)(const Message& ours);
};

class Comparison {
 public:
  explicit Comparison(const Sides& sides) : sides_(sides) {}

  void compare(const std::string& bytes);

  // Says what is wrong; true where nothing is.
  bool finish();

 private:
  std::string difference(const Message& ours, const Message& theirs) const;
  void expect(std::span<const Entry> list, const std::string& what, std::string_view reason,
              const std::string& bytes);
  void report(const std::string& what, const std::string& bytes);

  Sides sides_;
  size_t count_ = 0;
  size_t taken_ = 0;
  size_t faults_ = 0;
  std::map<std::string, int> reported_;
  std::set<std::string_view> used_;
};

// Compares the files of folders, and so many messages made of them: main of a comparer. Arguments:
// how many, and the folders. Returns its exit status.
int run_comparison(int argc, char** argv, const Sides& sides);
