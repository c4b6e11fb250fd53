#include "daemon/worker/files.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "daemon/http/conditional.h"
#include "daemon/http/date.h"
#include "daemon/http/entity_tag.h"
#include "daemon/http/media_type.h"
#include "daemon/http/range.h"

namespace sockherd::worker {
namespace {

constexpr http::Field kAllow = {"Allow", "GET, HEAD, OPTIONS"};
constexpr http::Field kNoSniffing = {"X-Content-Type-Options", "nosniff"};

// relative: begins with "/".
bool is_hidden(std::string_view relative) {
  constexpr std::string_view kWellKnown = "/.well-known/";
  if (relative.starts_with(kWellKnown)) relative.remove_prefix(kWellKnown.size() - 1);
  return relative.find("/.") != std::string_view::npos;
}

// A plain path as it stands in a Location field. From the decoded path and not from what the client
// sent: "//other.example" would lead to another server.
std::string encode_path(std::string_view path) {
  constexpr std::string_view kKept = "-._~!$&'()*+,;=:@/";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : path) {
    const bool is_alphanumeric =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_alphanumeric || kKept.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kDigits[byte >> 4];
      encoded += kDigits[byte & 15];
    }
  }
  return encoded;
}

void redirect_to_directory(const Request& request, Exchange& exchange) {
  std::string location = encode_path(request.path) + "/";
  if (!request.head.query.empty()) (location += '?') += request.head.query;
  const std::array fields = {http::Field{"Location", location}};
  exchange.answer({.status = 301, .fields = fields});
}

void answer_fault(OpenFault fault, Exchange& exchange) {
  switch (fault) {
    case OpenFault::None:
    case OpenFault::Failed:
      return exchange.answer_error(500, "", {});
    case OpenFault::NotFound:
      return exchange.answer_error(404, "", {});
    case OpenFault::Forbidden:
      return exchange.answer_error(403, "", {});
    case OpenFault::Exhausted: {
      constexpr std::array kFields = {http::Field{"Retry-After", "1"}};
      return exchange.answer_error(503, "", kFields);
    }
  }
}

http::EntityTag tag_of(const struct stat& status) {
  const auto ns = static_cast<uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000 +
                  static_cast<uint64_t>(status.st_mtim.tv_nsec);
  return {status.st_ino, static_cast<uint64_t>(status.st_size), ns};
}

int64_t unix_now() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::floor<std::chrono::seconds>(wall).count();
}

// One regular file on its way to the client.
class FileAnswer {
 public:
  FileAnswer(const http::RequestHead& head, Exchange& exchange, OpenedFile file,
             std::string_view name)
      : head_(head),
        exchange_(exchange),
        file_(std::move(file)),
        media_type_(http::media_type(name)),
        tag_(tag_of(file_.status)),
        now_(unix_now()),
        modified_(std::min<int64_t>(file_.status.st_mtim.tv_sec, now_)),
        modified_text_(http::format_date(modified_)) {}

  void send() {
    const http::Evaluation evaluation =
        http::evaluate_conditions(head_, {.etag = tag_.view(), .last_modified = modified_}, now_);
    switch (evaluation.condition) {
      case http::Condition::NotModified:
        return send_status(304);
      case http::Condition::PreconditionFailed:
        return exchange_.answer_error(412, "", {});
      case http::Condition::Proceed:
        break;
    }
    http::RangeSet set;
    if (evaluation.range_counts) set = http::parse_ranges(head_.field("range"), size());
    switch (set.kind()) {
      case http::RangeKind::Whole:
        return send_whole();
      case http::RangeKind::Partial:
        // Several are answered with the whole, as RFC 9110 section 14.2 allows.
        return set.ranges().size() == 1 ? send_part(set.ranges().front()) : send_whole();
      case http::RangeKind::Unsatisfiable:
        return send_unsatisfiable();
    }
  }

 private:
  uint64_t size() const { return static_cast<uint64_t>(file_.status.st_size); }
  http::Field tag() const { return {"ETag", tag_.view()}; }
  http::Field modified() const {
    return {"Last-Modified", {modified_text_.data(), modified_text_.size()}};
  }

  void send_status(int status) {
    const std::array fields = {tag(), modified()};
    exchange_.answer({.status = status, .fields = fields});
  }

  void send_whole() {
    const std::array fields = {tag(), modified(), http::Field{"Accept-Ranges", "bytes"},
                               kNoSniffing};
    exchange_.answer({.content_type = media_type_,
                      .fields = fields,
                      .content = FilePart{std::move(file_.fd), 0, size()}});
  }

  void send_part(const http::ByteRange& range) {
    const http::ContentRange content_range(range, size());
    const std::array fields = {tag(), modified(),
                               http::Field{"Content-Range", content_range.view()}, kNoSniffing};
    exchange_.answer({.status = 206,
                      .content_type = media_type_,
                      .fields = fields,
                      .content = FilePart{std::move(file_.fd), range.first, range.size()}});
  }

  void send_unsatisfiable() {
    const auto content_range = http::ContentRange::unsatisfied(size());
    const std::array fields = {http::Field{"Content-Range", content_range.view()}};
    exchange_.answer_error(416, "", fields);
  }

  const http::RequestHead& head_;
  Exchange& exchange_;
  OpenedFile file_;
  std::string_view media_type_;
  http::EntityTag tag_;
  int64_t now_;
  int64_t modified_;  // not later than the Date of the answer: RFC 9110 section 8.8.2.1
  std::array<char, http::kDateBytes> modified_text_;
};

}  // namespace

Files::Files(std::string_view prefix, Directory directory, std::string index)
    : prefix_bytes_(prefix.ends_with('/') ? prefix.size() - 1 : prefix.size()),
      directory_(std::move(directory)),
      index_(std::move(index)) {}

std::unique_ptr<Job> Files::handle(const Request& request, Exchange& exchange) {
  constexpr std::array kFields = {kAllow};
  switch (request.head.method) {
    case http::Method::Get:
    case http::Method::Head:
      serve_path(request, exchange);
      break;
    case http::Method::Options:
      exchange.answer({.status = 204, .fields = kFields});
      break;
    default:
      exchange.answer_error(405, "", kFields);
  }
  return nullptr;
}

void Files::serve_path(const Request& request, Exchange& exchange) const {
  std::string relative(request.path.substr(prefix_bytes_));
  if (relative.empty()) return redirect_to_directory(request, exchange);
  if (is_hidden(relative)) return answer_fault(OpenFault::NotFound, exchange);
  if (relative.ends_with('/')) relative += index_;
  OpenedFile file = directory_.open_file(relative.substr(1));
  if (file.fault != OpenFault::None) return answer_fault(file.fault, exchange);
  if (S_ISREG(file.status.st_mode)) {
    FileAnswer(request.head, exchange, std::move(file), relative).send();
  } else if (request.path.ends_with('/')) {
    answer_fault(OpenFault::NotFound, exchange);  // the index itself is a directory
  } else {
    redirect_to_directory(request, exchange);
  }
}

}  // namespace sockherd::worker
