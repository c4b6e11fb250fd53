// MultipartForm: the fields and files of a multipart/form-data body, taken in as they come.
//
// Fields stand in memory; so does a file as long as it is short, and then it goes to a file without
// a name in $TMPDIR, which is gone when the form is. Bounded: all fields together, and all that is
// in memory; the rest by max_body_size.
#pragma once

#include <sockherd/request.h>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "daemon/http/multipart.h"

namespace sockherd::module {

class UploadedFile final : public app::Upload {
 public:
  static constexpr size_t kMostInMemory = size_t{64} * 1024;

  UploadedFile(std::string name, std::string filename, std::string content_type);
  UploadedFile(const UploadedFile&) = delete;
  UploadedFile& operator=(const UploadedFile&) = delete;
  ~UploadedFile();

  // False: the disk does not take it.
  bool append(std::string_view piece);
  // Nothing comes behind it. False: it cannot be mapped.
  bool finish();

  std::string_view name() const override { return name_; }
  std::string_view filename() const override { return filename_; }
  std::string_view content_type() const override { return content_type_; }
  uint64_t size() const override { return size_; }
  std::string_view content() const override;
  void save(const std::string& path) const override;

 private:
  bool spill();
  bool write(std::string_view piece);

  std::string name_;
  std::string filename_;
  std::string content_type_;
  std::string memory_;
  UniqueFd file_;  // of one that is long
  uint64_t size_ = 0;
  void* mapped_ = nullptr;
};

class MultipartForm final : private http::MultipartReader::Sink {
 public:
  static constexpr size_t kMostFieldBytes = size_t{1} << 20;

  explicit MultipartForm(std::string_view boundary) : reader_(boundary, *this) {}

  // 0, or the status to answer with; text() says why.
  int feed(std::string_view piece);
  int finish();
  const char* text() const { return text_; }

  std::span<const app::Pair> fields() const { return pairs_; }
  std::span<const app::Upload* const> files() const { return uploads_; }

 private:
  void on_part(http::PartHead head) override;
  void on_data(std::string_view piece) override;
  void on_part_end() override;
  void fail(int status, const char* text);

  http::MultipartReader reader_;
  std::deque<std::pair<std::string, std::string>> fields_;
  std::vector<app::Pair> pairs_;
  std::deque<UploadedFile> files_;
  std::vector<const app::Upload*> uploads_;
  UploadedFile* file_ = nullptr;  // that is coming
  size_t field_bytes_ = 0;
  int status_ = 0;
  const char* text_ = "";
};

}  // namespace sockherd::module
