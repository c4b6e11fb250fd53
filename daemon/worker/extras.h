// Extras: what the configuration adds to answers: fields to all of them, pages to errors.
//
// Of a route, with those of its pool where it has none of its own; of the pool for what no route
// answers. Outlives every connection.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/config/config.h"
#include "daemon/http/request.h"

namespace sockherd::worker {

struct ErrorPage {
  std::string status;  // "404", or "4xx"
  std::string_view media_type;
  std::string content;
};

class Extras {
 public:
  static constexpr size_t kMaxPageBytes = size_t{64} * 1024;

  // Of one table over another: a name that both have counts as the first says.
  // Errors: a page that cannot be read, or is too long. Blocks on the file system.
  static Result<Extras> read(const std::vector<config::NamedText>& headers,
                             const std::vector<config::NamedText>& error_pages,
                             const Extras* below);

  bool is_empty() const { return headers_.empty() && pages_.empty(); }
  bool has_fields() const { return !headers_.empty(); }

  // `fields` without those that are named here, but for Vary, which is a list; then these.
  std::vector<http::Field> merge(std::span<const http::Field> fields) const;

  // Of that status, else of its class; null if there is none.
  const ErrorPage* page(int status) const;

 private:
  bool replaces(std::string_view name) const;
  const ErrorPage* find_page(std::string_view status) const;

  std::vector<config::NamedText> headers_;
  std::vector<ErrorPage> pages_;
};

}  // namespace sockherd::worker
