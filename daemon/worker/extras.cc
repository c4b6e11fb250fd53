#include "daemon/worker/extras.h"

#include <algorithm>
#include <utility>

#include "daemon/http/characters.h"
#include "daemon/http/media_type.h"
#include "daemon/sys/file.h"

namespace sockherd::worker {

Result<Extras> Extras::read(const std::vector<config::NamedText>& headers,
                            const std::vector<config::NamedText>& error_pages,
                            const Extras* below) {
  Extras extras;
  extras.headers_ = headers;
  for (const config::NamedText& page : error_pages) {
    Result<std::string> content = sys::read_file(page.value);
    if (!content.ok()) return Error{0, page.value + ": " + content.error().what};
    if (content->size() > kMaxPageBytes) {
      return Error{0, page.value + " is longer than 64KiB, the most that an error page may have"};
    }
    extras.pages_.push_back({page.name, http::media_type(page.value), std::move(content).value()});
  }
  if (below == nullptr) return extras;
  for (const config::NamedText& header : below->headers_) {
    if (!extras.replaces(header.name)) extras.headers_.push_back(header);
  }
  for (const ErrorPage& page : below->pages_) {
    if (extras.find_page(page.status) == nullptr) extras.pages_.push_back(page);
  }
  return extras;
}

bool Extras::replaces(std::string_view name) const {
  return std::any_of(headers_.begin(), headers_.end(), [name](const config::NamedText& header) {
    return http::equals_ignore_case(header.name, name);
  });
}

std::vector<http::Field> Extras::merge(std::span<const http::Field> fields) const {
  std::vector<http::Field> merged;
  merged.reserve(fields.size() + headers_.size());
  for (const http::Field& field : fields) {
    if (http::equals_ignore_case(field.name, "vary") || !replaces(field.name)) {
      merged.push_back(field);
    }
  }
  for (const config::NamedText& header : headers_) merged.push_back({header.name, header.value});
  return merged;
}

const ErrorPage* Extras::find_page(std::string_view status) const {
  const auto page = std::find_if(pages_.begin(), pages_.end(),
                                 [status](const ErrorPage& each) { return each.status == status; });
  return page == pages_.end() ? nullptr : &*page;
}

const ErrorPage* Extras::page(int status) const {
  const ErrorPage* exact = find_page(std::to_string(status));
  return exact != nullptr ? exact : find_page(status >= 500 ? "5xx" : "4xx");
}

}  // namespace sockherd::worker
