// Site: what a path below a directory stands for: a file, with what its answers say about it, and
// the files beside it that hold the same in another coding.
//
// Hidden are names that begin with a dot (but "/.well-known/", RFC 8615). A path that ends with "/"
// is the first file of the index that is there.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/instant.h"
#include "daemon/http/coding.h"
#include "daemon/http/date.h"
#include "daemon/http/entity_tag.h"
#include "daemon/worker/directory.h"
#include "daemon/worker/open_file.h"

namespace sockherd::worker {

// A file, or one that holds it compressed.
struct Representation {
  std::shared_ptr<const OpenFile> file;
  http::Coding coding = http::Coding::Identity;
  http::EntityTag tag{0, 0, 0};
};

// A file as it was when it was looked at. Only `made` comes later.
struct SiteFile {
  Representation identity;
  std::optional<Representation> brotli;  // NAME.br
  std::optional<Representation> gzip;    // NAME.gz
  std::optional<Representation> made;  // a short file, compressed by us when it was first asked for
  std::string_view media_type;         // of the table
  bool is_compressible = false;        // by its media type
  int64_t looked_at = 0;               // seconds since 1970
  int64_t modified = 0;                // the same; not after looked_at: RFC 9110 section 8.8.2.1
  std::array<char, http::kDateBytes> modified_text{};
};

struct SiteLookup {
  OpenFault fault = OpenFault::None;
  bool is_hidden = false;          // NotFound, whatever is there
  bool is_directory = false;       // redirect to its slash
  std::shared_ptr<SiteFile> file;  // shared with the cache of files
  bool is_settled = false;         // has not changed lately, so that its tag tells the next change
};

class Site {
 public:
  struct Settings {
    std::vector<std::string> index = {"index.html"};  // the first that is there wins
    bool precompressed = true;  // look for NAME.br and NAME.gz, not older than NAME
  };

  Site(Directory directory, Settings settings);

  // path: http::plain_path() behind the prefix of the route; begins with "/".
  // last: what stood there before, or null; what has not changed is taken from there.
  // settle: how long it must have been left alone to be settled.
  SiteLookup look_up(std::string_view path, const SiteFile* last, Duration settle) const;

 private:
  OpenedFile open(std::string& path) const;
  std::optional<Representation> beside(std::string name, http::Coding coding,
                                       const Representation& identity,
                                       const std::optional<Representation>& last) const;

  Directory directory_;
  Settings settings_;
};

}  // namespace sockherd::worker
