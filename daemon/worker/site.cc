#include "daemon/worker/site.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/http/media_type.h"

namespace sockherd::worker {
namespace {

// Files up to this size are read once and leave with the head in one send. CPU per request, read
// against sendfile(2), measured with wrk -c64 on Linux 6.18: 1 KiB 11.0 to 12.1 us, 10 KiB level,
// 24 KiB 14.5 to 12.5 us.
constexpr off_t kInMemoryAtMost = off_t{16} * 1024;

bool is_hidden(std::string_view path) {
  constexpr std::string_view kWellKnown = "/.well-known/";
  if (path.starts_with(kWellKnown)) path.remove_prefix(kWellKnown.size() - 1);
  return path.find("/.") != std::string_view::npos;
}

int64_t nanoseconds_of(const timespec& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

// Whether it is the same file, unchanged.
bool is_same(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size &&
         nanoseconds_of(a.st_mtim) == nanoseconds_of(b.st_mtim) &&
         nanoseconds_of(a.st_ctim) == nanoseconds_of(b.st_ctim);
}

// Reads a short file. Where that fails, or it has become shorter meanwhile, it stays open, and
// whoever sends it finds out.
void take_into_memory(OpenFile& file) {
  if (file.status.st_size > kInMemoryAtMost) return;
  std::string content(file.size(), '\0');
  size_t have = 0;
  while (have < content.size()) {
    const ssize_t got = ::pread(file.fd.get(), content.data() + have, content.size() - have,
                                static_cast<off_t>(have));
    if (got <= 0) return;
    have += static_cast<size_t>(got);
  }
  file.content = std::move(content);
  file.is_in_memory = true;
  file.fd.reset();
}

Representation represent(OpenedFile opened, http::Coding coding, const Representation* last) {
  if (last != nullptr && is_same(last->file->status, opened.status)) return *last;
  const struct stat& status = opened.status;
  const http::EntityTag tag(status.st_ino, static_cast<uint64_t>(status.st_size),
                            static_cast<uint64_t>(nanoseconds_of(status.st_mtim)), coding);
  const auto file = std::make_shared<OpenFile>();
  file->fd = std::move(opened.fd);
  file->status = status;
  take_into_memory(*file);
  return {file, coding, tag};
}

// By the time of change, which nobody can set as they like. A clock that is ahead of ours, of a
// network file system, is as good as a change just now.
bool is_settled(const Representation& representation, int64_t now_ns, Duration settle) {
  const struct stat& status = representation.file->status;
  return nanoseconds_of(status.st_ctim) + settle.count() <= now_ns &&
         nanoseconds_of(status.st_mtim) <= now_ns;
}

}  // namespace

Site::Site(Directory directory, Settings settings)
    : directory_(std::move(directory)), settings_(std::move(settings)) {}

// Puts the name of the file of the index behind a path that ends with a slash.
OpenedFile Site::open(std::string& path) const {
  if (!path.ends_with('/')) return directory_.open_file(path.substr(1));
  const size_t size = path.size();
  for (const std::string& name : settings_.index) {
    path.resize(size);
    path += name;
    OpenedFile opened = directory_.open_file(path.substr(1));
    const bool is_file = opened.fault == OpenFault::None && S_ISREG(opened.status.st_mode);
    if (is_file || (opened.fault != OpenFault::None && opened.fault != OpenFault::NotFound)) {
      return opened;
    }
  }
  return {.fault = OpenFault::NotFound, .fd = {}, .status = {}};
}

// The file beside `name` that holds it in a coding. One that is older than the file, in seconds
// (tools that compress keep the time, some without its fractions), is of an earlier content.
std::optional<Representation> Site::beside(std::string name, http::Coding coding,
                                           const Representation& identity,
                                           const std::optional<Representation>& last) const {
  name += coding == http::Coding::Brotli ? ".br" : ".gz";
  OpenedFile opened = directory_.open_file(name.substr(1));
  if (opened.fault != OpenFault::None || !S_ISREG(opened.status.st_mode)) return std::nullopt;
  if (opened.status.st_mtim.tv_sec < identity.file->status.st_mtim.tv_sec) return std::nullopt;
  return represent(std::move(opened), coding, last ? &*last : nullptr);
}

SiteLookup Site::look_up(std::string_view path, const SiteFile* last, Duration settle) const {
  if (is_hidden(path)) return {.fault = OpenFault::NotFound, .is_hidden = true};
  std::string name(path);
  OpenedFile opened = open(name);
  if (opened.fault != OpenFault::None) return {.fault = opened.fault};
  if (!S_ISREG(opened.status.st_mode)) return {.is_directory = true};

  const SiteFile nothing{};
  const Duration now = std::chrono::system_clock::now().time_since_epoch();
  const auto file = std::make_shared<SiteFile>();
  file->identity = represent(std::move(opened), http::Coding::Identity,
                             last == nullptr ? nullptr : &last->identity);
  file->media_type = http::media_type(name);
  file->is_compressible = http::is_compressible(file->media_type);
  file->looked_at = std::chrono::floor<std::chrono::seconds>(now).count();
  file->modified = std::min<int64_t>(file->identity.file->status.st_mtim.tv_sec, file->looked_at);
  file->modified_text = http::format_date(file->modified);
  bool settled = is_settled(file->identity, now.count(), settle);
  if (last != nullptr && last->identity.file == file->identity.file) file->made = last->made;
  if (settings_.precompressed && file->is_compressible) {
    if (last == nullptr) last = &nothing;
    file->brotli = beside(name, http::Coding::Brotli, file->identity, last->brotli);
    file->gzip = beside(name, http::Coding::Gzip, file->identity, last->gzip);
    if (file->brotli) settled = settled && is_settled(*file->brotli, now.count(), settle);
    if (file->gzip) settled = settled && is_settled(*file->gzip, now.count(), settle);
  }
  return {.file = file, .is_settled = settled};
}

}  // namespace sockherd::worker
