// FileCache: the files that were served lately, so that the next answer from one costs no system
// call.
//
// A file is looked at again when its last look is longer ago than the interval: one that was
// replaced, changed or deleted is served as it was for no longer than that. What has changed just
// now is not kept at all: it may change again within one tick of the file system's clock, which its
// tag would not tell.
//
// Bounded in files, bytes and descriptors; the one that was served longest ago goes first. One
// loop has one cache, which the sites of its routes share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "daemon/base/instant.h"
#include "daemon/worker/site.h"

namespace sockherd::worker {

class FileCache {
 public:
  // Of one loop, beside its connections; limits.cc leaves room for them.
  static constexpr size_t kMaxDescriptors = 64;

  struct Settings {
    Duration interval = std::chrono::seconds(1);  // 0: nothing is kept
    Duration settle = std::chrono::seconds(1);
    size_t max_files = 4096;
    size_t max_bytes = size_t{8} << 20;  // of contents in memory
  };

  explicit FileCache(const Settings& settings) : settings_(settings) {}

  // What `site` has at `path`, from memory if it was looked at lately.
  SiteLookup look_up(const Site& site, std::string_view path, Instant now);

  size_t files() const { return entries_.size(); }
  size_t bytes() const { return bytes_; }
  size_t descriptors() const { return descriptors_; }

 private:
  struct Key {
    const Site* site;
    std::string_view path;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const;
  };
  struct Entry {
    const Site* site;
    std::string path;
    std::shared_ptr<SiteFile> file;
    Instant looked_at;
  };
  using Entries = std::list<Entry>;

  SiteLookup look_again(const Site& site, std::string_view path, Instant now);
  void keep(const Site& site, std::string_view path, std::shared_ptr<SiteFile> file, Instant now);
  void drop(Entries::iterator entry);
  bool is_too_much() const;

  Settings settings_;
  Entries entries_;  // the last served first
  std::unordered_map<Key, Entries::iterator, Hash> places_;
  size_t bytes_ = 0;
  size_t descriptors_ = 0;
};

}  // namespace sockherd::worker
