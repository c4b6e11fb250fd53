#include "daemon/worker/file_answer.h"

#include <optional>
#include <utility>

#include "daemon/http/coding.h"
#include "daemon/http/conditional.h"
#include "daemon/worker/ranges_source.h"

namespace sockherd::worker {
namespace {

using http::Coding;

// Weak: another version of the compressor may make other bytes.
http::EntityTag tag_of_compressed(const Representation& identity) {
  const struct stat& status = identity.file->status;
  const auto ns = static_cast<uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000 +
                  static_cast<uint64_t>(status.st_mtim.tv_nsec);
  return {status.st_ino, identity.file->size(), ns, Coding::Gzip, http::TagStrength::Weak};
}

}  // namespace

// Whether a file could be sent compressed by us. A part of what is made anew each time means
// nothing, so whoever asks for a range gets one of the file as it is.
bool FileAnswer::may_compress() const {
  return gzip_ != nullptr && file_.is_compressible && !file_.gzip &&
         file_.identity.file->size() >= Gzip::kLeastBytes;
}

void FileAnswer::choose_coding() {
  chosen_ = &file_.identity;
  is_negotiated_ = file_.brotli || file_.gzip || may_compress();
  if (is_negotiated_) choose_among_codings();
}

void FileAnswer::choose_among_codings() {
  std::array<Coding, 3> offer{};
  size_t count = 0;
  const bool compresses = may_compress() && head_.field("range").data() == nullptr;
  if (file_.brotli) offer[count++] = Coding::Brotli;
  if (file_.gzip || compresses) offer[count++] = Coding::Gzip;
  offer[count++] = Coding::Identity;
  // One that refuses all gets the file as it is (RFC 9110 section 12.1).
  const Coding best =
      http::AcceptedCodings(head_).best({offer.data(), count}).value_or(Coding::Identity);
  if (best == Coding::Brotli) chosen_ = &*file_.brotli;
  if (best == Coding::Gzip && file_.gzip) chosen_ = &*file_.gzip;
  if (best == Coding::Gzip && !file_.gzip) make_compressed();
}

// A short file is compressed once, and kept as long as it is known.
void FileAnswer::make_compressed() {
  const OpenFile& identity = *file_.identity.file;
  if (!identity.is_in_memory) {
    compressed_tag_ = tag_of_compressed(file_.identity);
    return;
  }
  if (!file_.made) {
    std::optional<std::string> text = gzip_at_once(identity.content);
    if (!text) return;
    const auto compressed = std::make_shared<OpenFile>();
    compressed->status = identity.status;
    compressed->status.st_size = static_cast<off_t>(text->size());
    compressed->content = std::move(*text);
    compressed->is_in_memory = true;
    file_.made = Representation{compressed, Coding::Gzip, tag_of_compressed(file_.identity)};
  }
  chosen_ = &*file_.made;
}

void FileAnswer::send() {
  choose_coding();
  const http::Evaluation evaluation = http::evaluate_conditions(
      head_, {.etag = tag().view(), .last_modified = file_.modified}, file_.looked_at);
  switch (evaluation.condition) {
    case http::Condition::NotModified:
      return exchange_.answer({.status = 304, .fields = validators().view()});
    case http::Condition::PreconditionFailed:
      return send_fault(412);
    case http::Condition::Proceed:
      break;
  }
  if (compressed_tag_) return send_compressed();
  if (evaluation.range_counts && !is_made()) {
    return send_range(http::parse_ranges(head_.field("range"), size()));
  }
  send_whole();
}

void FileAnswer::send_range(const http::RangeSet& set) {
  switch (set.kind()) {
    case http::RangeKind::Whole:
      return send_whole();
    case http::RangeKind::Partial:
      return set.ranges().size() == 1 ? send_part(set.ranges().front()) : send_parts(set);
    case http::RangeKind::Unsatisfiable:
      return send_fault(416, "Content-Range", http::ContentRange::unsatisfied(size()).view());
  }
}

// Those of every answer that is not an error.
FileAnswer::Fields FileAnswer::validators() const {
  Fields fields;
  fields.add("ETag", tag().view());
  fields.add("Last-Modified", {file_.modified_text.data(), file_.modified_text.size()});
  if (is_negotiated_) fields.add("Vary", "Accept-Encoding");
  return fields;
}

// Those of every answer with content of the file.
FileAnswer::Fields FileAnswer::content_fields() const {
  Fields fields = validators();
  fields.add("X-Content-Type-Options", "nosniff");
  if (coding() != Coding::Identity) fields.add("Content-Encoding", http::coding_name(coding()));
  return fields;
}

void FileAnswer::send_fault(int status, std::string_view name, std::string_view value) {
  Fields fields;
  if (is_negotiated_) fields.add("Vary", "Accept-Encoding");
  if (!name.empty()) fields.add(name, value);
  exchange_.answer_error(status, "", fields.view());
}

void FileAnswer::send_content(int status, const Fields& fields, Content content) {
  exchange_.answer({.status = status,
                    .content_type = file_.media_type,
                    .fields = fields.view(),
                    .content = std::move(content)});
}

void FileAnswer::send_whole() {
  Fields fields = content_fields();
  if (!is_made()) fields.add("Accept-Ranges", "bytes");
  send_content(200, fields, FilePart{chosen_->file, 0, size()});
}

// Of unknown length. Where too many are compressed already, it is sent as it is.
void FileAnswer::send_compressed() {
  std::unique_ptr<Source> source = Gzip::compress(gzip_, chosen_->file, exchange_);
  if (source == nullptr) {
    compressed_tag_.reset();
    return send_whole();
  }
  send_content(200, content_fields(), std::move(source));
}

void FileAnswer::send_part(const http::ByteRange& range) {
  const http::ContentRange content_range(range, size());
  Fields fields = content_fields();
  fields.add("Content-Range", content_range.view());
  send_content(206, fields, FilePart{chosen_->file, range.first, range.size()});
}

void FileAnswer::send_parts(const http::RangeSet& set) {
  auto source = std::make_unique<RangesSource>(chosen_->file, set, file_.media_type);
  const Fields fields = content_fields();
  const std::string_view content_type = source->content_type();  // moved with its owner, it stays
  exchange_.answer({.status = 206,
                    .content_type = content_type,
                    .fields = fields.view(),
                    .content = std::move(source)});
}

}  // namespace sockherd::worker
