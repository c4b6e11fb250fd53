#include "daemon/worker/file_cache.h"

#include <functional>
#include <utility>

namespace sockherd::worker {
namespace {

// What one entry costs beside the contents it holds, about.
constexpr size_t kEntryBytes = 512;

// Once more for what may be made of it.
size_t bytes_of(std::string_view path, const SiteFile& file) {
  size_t bytes = kEntryBytes + path.size() + 2 * file.identity.file->content.size();
  if (file.brotli) bytes += file.brotli->file->content.size();
  if (file.gzip) bytes += file.gzip->file->content.size();
  return bytes;
}

size_t descriptors_of(const SiteFile& file) {
  size_t descriptors = file.identity.file->fd ? 1 : 0;
  if (file.brotli && file.brotli->file->fd) ++descriptors;
  if (file.gzip && file.gzip->file->fd) ++descriptors;
  return descriptors;
}

}  // namespace

size_t FileCache::Hash::operator()(const Key& key) const {
  return std::hash<std::string_view>()(key.path) ^ std::hash<const void*>()(key.site);
}

SiteLookup FileCache::look_up(const Site& site, std::string_view path, Instant now) {
  const auto place = places_.find({&site, path});
  if (place == places_.end()) return look_again(site, path, now);
  const Entries::iterator entry = place->second;
  if (now - entry->looked_at >= settings_.interval) return look_again(site, path, now);
  if (entry != entries_.begin()) entries_.splice(entries_.begin(), entries_, entry);
  return {.file = entry->file, .is_settled = true};
}

SiteLookup FileCache::look_again(const Site& site, std::string_view path, Instant now) {
  std::shared_ptr<const SiteFile> last;
  if (const auto place = places_.find({&site, path}); place != places_.end()) {
    last = place->second->file;
    drop(place->second);
  }
  SiteLookup found = site.look_up(path, last.get(), settings_.settle);
  if (found.is_settled && settings_.interval > Duration::zero()) {
    keep(site, path, found.file, now);
  }
  return found;
}

void FileCache::keep(const Site& site, std::string_view path, std::shared_ptr<SiteFile> file,
                     Instant now) {
  bytes_ += bytes_of(path, *file);
  descriptors_ += descriptors_of(*file);
  entries_.push_front({&site, std::string(path), std::move(file), now});
  places_.emplace(Key{&site, entries_.front().path}, entries_.begin());
  while (is_too_much()) drop(std::prev(entries_.end()));
}

void FileCache::drop(Entries::iterator entry) {
  bytes_ -= bytes_of(entry->path, *entry->file);
  descriptors_ -= descriptors_of(*entry->file);
  places_.erase({entry->site, entry->path});
  entries_.erase(entry);
}

bool FileCache::is_too_much() const {
  return entries_.size() > settings_.max_files || bytes_ > settings_.max_bytes ||
         descriptors_ > kMaxDescriptors;
}

}  // namespace sockherd::worker
