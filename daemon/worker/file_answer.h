// FileAnswer: one file on its way to the client: its coding, conditions, ranges, and what the head
// says.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>

#include "daemon/http/range.h"
#include "daemon/worker/gzip.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/site.h"

namespace sockherd::worker {

// Answers a GET or HEAD for the file.
class FileAnswer {
 public:
  // gzip: null where nothing is to be compressed. All are borrowed for the call of send().
  FileAnswer(const http::RequestHead& head, Exchange& exchange, SiteFile& file,
             const std::shared_ptr<Gzip>& gzip)
      : head_(head), exchange_(exchange), file_(file), gzip_(gzip) {}

  void send();

 private:
  // Fields of the answer; there is room for all that are ever said of a file.
  class Fields {
   public:
    void add(std::string_view name, std::string_view value) { fields_[count_++] = {name, value}; }
    std::span<const http::Field> view() const { return {fields_.data(), count_}; }

   private:
    std::array<http::Field, 8> fields_;
    size_t count_ = 0;
  };

  void choose_coding();
  void choose_among_codings();
  bool may_compress() const;
  void make_compressed();

  uint64_t size() const { return chosen_->file->size(); }
  const http::EntityTag& tag() const { return compressed_tag_ ? *compressed_tag_ : chosen_->tag; }
  http::Coding coding() const { return compressed_tag_ ? http::Coding::Gzip : chosen_->coding; }
  bool is_made() const { return file_.made && chosen_ == &*file_.made; }
  Fields validators() const;
  Fields content_fields() const;
  void send_content(int status, const Fields& fields, Content content);
  void send_fault(int status, std::string_view name = {}, std::string_view value = {});
  void send_whole();
  void send_compressed();
  void send_range(const http::RangeSet& set);
  void send_part(const http::ByteRange& range);
  void send_parts(const http::RangeSet& set);

  const http::RequestHead& head_;
  Exchange& exchange_;
  SiteFile& file_;
  const std::shared_ptr<Gzip>& gzip_;
  const Representation* chosen_ = nullptr;
  bool is_negotiated_ = false;                     // so the answer depends on Accept-Encoding
  std::optional<http::EntityTag> compressed_tag_;  // where chosen_ is compressed while it is sent
};

}  // namespace sockherd::worker
