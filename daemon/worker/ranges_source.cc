#include "daemon/worker/ranges_source.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace sockherd::worker {
namespace {

// Random, since whoever can guess it and write into the file can forge parts.
std::array<char, 32> make_boundary() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) bytes = {};
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<char, 32> text{};
  for (size_t i = 0; i < bytes.size(); ++i) {
    text[2 * i] = kDigits[bytes[i] >> 4];
    text[2 * i + 1] = kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

RangesSource::RangesSource(std::shared_ptr<const OpenFile> file, const http::RangeSet& set,
                           std::string_view media_type)
    : file_(std::move(file)),
      set_(set),
      boundary_(make_boundary()),
      content_(set_, file_->size(), media_type, {boundary_.data(), boundary_.size()}) {}

// Part by part: its head, then its bytes. The room is larger than any head, so one that does not
// fit is read next time.
Source::Piece RangesSource::read(std::span<char> room) {
  size_t made = 0;
  while (part_ < set_.ranges().size()) {
    std::span<char> rest = room.subspan(made);
    if (rest.empty()) return {made, State::More};
    if (!is_in_part_) {
      const size_t head = content_.part_head(part_, rest).size();
      if (head == 0) return {made, State::More};
      made += head;
      is_in_part_ = true;
      read_ = 0;
      continue;
    }
    const size_t got = read_range(rest);
    if (got == 0) return {0, State::Failed};  // shorter than it was
    made += got;
    read_ += got;
    if (read_ < set_.ranges()[part_].size()) continue;
    is_in_part_ = false;
    ++part_;
  }
  const size_t tail = content_.tail(room.subspan(made)).size();
  if (tail == 0) return {made, State::More};
  return {made + tail, State::Ended};
}

// Returns how many bytes of the present range it has put into the room; 0 where there are none.
size_t RangesSource::read_range(std::span<char> room) {
  const http::ByteRange& range = set_.ranges()[part_];
  const uint64_t offset = range.first + read_;
  const size_t wanted = std::min<uint64_t>(room.size(), range.size() - read_);
  if (file_->is_in_memory) {
    std::memcpy(room.data(), file_->content.data() + offset, wanted);
    return wanted;
  }
  const ssize_t got = ::pread(file_->fd.get(), room.data(), wanted, static_cast<off_t>(offset));
  return got > 0 ? static_cast<size_t>(got) : 0;
}

}  // namespace sockherd::worker
