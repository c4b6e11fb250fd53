#include "tests/fuzz/comparison.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "daemon/http/characters.h"
#include "tests/fuzz/request_mutator.h"

namespace {

namespace http = sockherd::http;

// llhttp keeps a tab behind a value, and so does not know "close" or "chunked" before one. It is a
// blank (9112 5).
bool has_tab_behind_value(std::string_view bytes) {
  return bytes.find("\t\r\n") != std::string_view::npos ||
         bytes.find("\t,") != std::string_view::npos;
}

std::vector<std::string> read_seeds(int folders, char** names) {
  std::set<std::filesystem::path> files;  // in order
  for (int i = 0; i < folders; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(names[i])) {
      if (entry.is_regular_file()) files.insert(entry);
    }
  }
  std::vector<std::string> seeds;
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return seeds;
}

}  // namespace

// The first thing in which two parsers that take a message disagree; "" when there is none.
std::string Comparison::difference(const Message& ours, const Message& theirs) const {
  if (ours.method != theirs.method) return "method";
  if (ours.target != theirs.target) return "target";
  if (ours.fields.size() != theirs.fields.size()) return "number of fields";
  for (size_t i = 0; i < ours.fields.size(); ++i) {
    if (ours.fields[i].first != theirs.fields[i].first) return "name of a field";
    // llhttp leaves blanks behind a value to its caller.
    if (ours.fields[i].second != http::trim_blanks(theirs.fields[i].second)) {
      return "value of a field";
    }
  }
  if (ours.content != theirs.content) return "content";
  if (ours.consumed != theirs.consumed) return "end of the message";
  if (ours.keep_alive != theirs.keep_alive && !sides_.may_differ_in_keep_alive(ours))
    return "keep-alive";
  return "";
}

void Comparison::compare(const std::string& bytes) {
  Message ours = sides_.ours(bytes);
  const Message theirs = sides_.theirs(bytes);
  // We judge fields at the end of the head, when all are known; llhttp each at its own.
  if (ours.verdict == Verdict::WantsMore && theirs.verdict == Verdict::Refused) {
    ours = sides_.ours(bytes + "\r\n\r\n");
    if (ours.verdict == Verdict::Taken) ours.verdict = Verdict::WantsMore;
  }
  ++count_;
  taken_ += ours.verdict == Verdict::Taken ? 1 : 0;
  if (ours.verdict == theirs.verdict) {
    const std::string what =
        ours.verdict == Verdict::Taken ? difference(ours, theirs) : std::string();
    const bool known = (what == "keep-alive" || what == "content") && has_tab_behind_value(bytes);
    if (!what.empty() && !known) report("both take it, but differ: " + what, bytes);
  } else if (ours.verdict == Verdict::Refused) {
    expect(sides_.we_refuse, "we refuse: " + ours.reason, ours.reason, bytes);
  } else if (theirs.verdict == Verdict::Refused) {
    expect(sides_.it_refuses, "it refuses: " + theirs.reason, theirs.reason, bytes);
  } else if (!has_tab_behind_value(bytes)) {
    report(ours.verdict == Verdict::Taken ? "only the other wants more" : "only we want more",
           bytes);
  }
}

bool Comparison::finish() {
  for (const auto& list : {sides_.we_refuse, sides_.it_refuses}) {
    for (const Entry& entry : list) {
      if (used_.contains(entry.reason)) continue;
      std::printf("no message needs the entry: %s\n", std::string(entry.reason).c_str());
      ++faults_;
    }
  }
  std::printf("%zu messages, %zu taken, %zu differences that are not in the lists\n", count_,
              taken_, faults_);
  return faults_ == 0;
}

void Comparison::expect(std::span<const Entry> list, const std::string& what,
                        std::string_view reason, const std::string& bytes) {
  for (const Entry& entry : list) {
    if (entry.reason != reason) continue;
    used_.insert(entry.reason);
    return;
  }
  report(what, bytes);
}

void Comparison::report(const std::string& what, const std::string& bytes) {
  ++faults_;
  if (++reported_[what] > 6) return;
  std::printf("%s\n  ", what.c_str());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\r' || c == '\n') {
      std::printf(c == '\r' ? "\\r" : "\\n");
    } else {
      std::printf(byte < 0x20 || byte >= 0x7f ? "\\x%02x" : "%c", byte);
    }
  }
  std::printf("\n");
}

int run_comparison(int argc, char** argv, const Sides& sides) {
  if (argc < 3) return 2;
  const std::vector<std::string> seeds = read_seeds(argc - 2, argv + 2);
  Comparison comparison(sides);
  for (const std::string& seed : seeds) comparison.compare(seed);
  RequestMutator mutator(seeds, 0x5eed);
  for (int count = std::atoi(argv[1]); count > 0; --count) comparison.compare(mutator.next());
  return comparison.finish() ? 0 : 1;
}
