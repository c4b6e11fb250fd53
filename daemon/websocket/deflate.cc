#include "daemon/websocket/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <bit>

#include "daemon/base/assert.h"

namespace sockherd::websocket {
namespace {

// What ends the data of a flush, and is left out (section 7.2.1).
constexpr std::string_view kTail("\0\0\xff\xff", 4);

constexpr int kLevel = 1;  // it takes time of the loop, and further levels win little
constexpr size_t kWindow = size_t{1} << kMaxWindowBits;
constexpr size_t kLeastPiece = 4096;

// zlib does not write.
unsigned char* input(std::string_view bytes) {
  return reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
}
unsigned char* output(char* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}

// Grows what is full, up to `most`.
void make_room(std::string& to, size_t used, size_t most) {
  if (used < to.size()) return;
  to.resize(std::min(most, std::max(2 * used, used + kLeastPiece)));
}

}  // namespace

Inflater::Inflater() = default;

Inflater::~Inflater() {
  if (stream_ != nullptr) ::inflateEnd(stream_.get());
}

Inflater::Outcome Inflater::inflate(std::string_view payload, size_t most, std::string& to) {
  to.clear();
  if (payload.empty()) return Outcome::Done;  // what an empty message is made into by some
  if (stream_ == nullptr) {
    stream_ = std::make_unique<z_stream>();
    const int made = ::inflateInit2(stream_.get(), -int{kMaxWindowBits});
    SH_ASSERT(made == Z_OK);  // no memory
  }
  ::inflateReset(stream_.get());
  size_t used = 0;
  for (const std::string_view part : {payload, kTail}) {
    stream_->next_in = input(part);
    stream_->avail_in = static_cast<uInt>(part.size());
    for (;;) {
      make_room(to, used, most + 1);  // one more, to see that it is too long
      stream_->next_out = output(to.data() + used);
      stream_->avail_out = static_cast<uInt>(to.size() - used);
      const int result = ::inflate(stream_.get(), Z_SYNC_FLUSH);
      used = to.size() - stream_->avail_out;
      if (used > most) return Outcome::TooLong;
      if (result == Z_STREAM_END) {
        // A last block, after which others follow (section 7.2.3.4), that may repeat what was
        // before.
        ::inflateReset(stream_.get());
        const size_t window = std::min(used, kWindow);
        ::inflateSetDictionary(stream_.get(), output(to.data() + used - window),
                               static_cast<uInt>(window));
        if (stream_->avail_in == 0) break;
      } else if (result == Z_BUF_ERROR || (result == Z_OK && stream_->avail_out != 0)) {
        break;
      } else if (result != Z_OK) {
        return Outcome::Broken;
      }
    }
    if (stream_->avail_in != 0) return Outcome::Broken;
  }
  to.resize(used);
  constexpr int kBetweenBlocks = 128;  // zlib.h, of data_type
  return (stream_->data_type & kBetweenBlocks) != 0 ? Outcome::Done : Outcome::Broken;
}

void Deflater::End::operator()(z_stream_s* stream) const {
  ::deflateEnd(stream);
  delete stream;
}

Deflater::Deflater() = default;
Deflater::~Deflater() = default;

// zlib makes no raw DEFLATE data with a window of 256 bytes (8 bits). There we look for repeated
// bytes only, one byte back, which every window holds.
z_stream_s* Deflater::stream_of(uint8_t window_bits) {
  Stream& stream = streams_[window_bits - kLeastBits];
  if (stream == nullptr) {
    stream.reset(new z_stream());
    const bool is_least = window_bits == kLeastBits;
    const int bits = is_least ? kLeastBits + 1 : int{window_bits};
    const int memory = bits - 7;  // a table as large as the window
    const int made = ::deflateInit2(stream.get(), kLevel, Z_DEFLATED, -bits, memory,
                                    is_least ? Z_RLE : Z_DEFAULT_STRATEGY);
    SH_ASSERT(made == Z_OK);  // no memory
  }
  return stream.get();
}

bool Deflater::deflate(std::string_view text, uint8_t window_bits, std::string& to) {
  // A window that is larger than the text wins nothing, and has more to be cleared.
  const auto needed = static_cast<uint8_t>(std::clamp(int(std::bit_width(text.size())), 9, 15));
  z_stream_s* stream = stream_of(std::min(window_bits, needed));
  ::deflateReset(stream);
  // The tail is cut off; what is as long as the text is not worth it.
  to.resize(text.size() + kTail.size());
  stream->next_in = input(text);
  stream->avail_in = static_cast<uInt>(text.size());
  stream->next_out = output(to.data());
  stream->avail_out = static_cast<uInt>(to.size());
  const int result = ::deflate(stream, Z_SYNC_FLUSH);
  if (result != Z_OK || stream->avail_in != 0 || stream->avail_out == 0) return false;
  to.resize(to.size() - stream->avail_out - kTail.size());
  return to.size() < text.size();
}

}  // namespace sockherd::websocket
