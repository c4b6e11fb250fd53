// RangesSource: several ranges of one file as multipart/byteranges (http/byteranges.h).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "daemon/http/byteranges.h"
#include "daemon/http/range.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/open_file.h"

namespace sockherd::worker {

class RangesSource final : public Source {
 public:
  // set: Partial. media_type: static.
  RangesSource(std::shared_ptr<const OpenFile> file, const http::RangeSet& set,
               std::string_view media_type);

  // Of the whole answer.
  std::string_view content_type() const { return content_.content_type(); }

  Piece read(std::span<char> room) override;
  std::optional<uint64_t> size() const override { return content_.size(); }

 private:
  size_t read_range(std::span<char> room);

  std::shared_ptr<const OpenFile> file_;
  http::RangeSet set_;
  std::array<char, 32> boundary_;
  http::ByterangesContent content_;
  size_t part_ = 0;
  bool is_in_part_ = false;  // its head is read
  uint64_t read_ = 0;        // of its range
};

}  // namespace sockherd::worker
