#include "daemon/worker/gzip.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sockherd::worker {
namespace {

// Between 1 (nginx) and 6 (zlib, Apache): 6 takes a third more time for one in a hundred bytes.
constexpr int kLevel = 5;
constexpr int kMemoryLevel = 8;
constexpr int kGzipFormat = 16;  // of deflateInit2(): not the format of zlib

// A piece takes 0.6 ms or so.
constexpr size_t kInputPerTurn = size_t{32} * 1024;

// No larger than the text asks for: the window is most of the memory.
int window_bits(uint64_t size) {
  int bits = 9;
  while (bits < MAX_WBITS && (uint64_t{1} << bits) < size) ++bits;
  return bits;
}

bool begin(z_stream& stream, uint64_t size) {
  return deflateInit2(&stream, kLevel, Z_DEFLATED, window_bits(size) + kGzipFormat, kMemoryLevel,
                      Z_DEFAULT_STRATEGY) == Z_OK;
}

Bytef* bytes_at(const char* text) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(text));  // zlib only reads there
}

}  // namespace

// Compresses one piece of the file a turn: then it says Waiting, and has itself called again.
class GzipSource final : public Source, private io::Timer {
 public:
  GzipSource(std::shared_ptr<Gzip> gzip, std::shared_ptr<const OpenFile> file, Exchange& exchange)
      : gzip_(std::move(gzip)), file_(std::move(file)), exchange_(exchange) {
    ++gzip_->under_way_;
    has_begun_ = begin(stream_, file_->size());
  }
  ~GzipSource() override {
    if (has_begun_) deflateEnd(&stream_);
    --gzip_->under_way_;
  }

  bool has_begun() const { return has_begun_; }

  Piece read(std::span<char> room) override {
    if (is_armed()) return {0, State::Waiting};
    stream_.next_out = bytes_at(room.data());
    stream_.avail_out = static_cast<uInt>(room.size());
    const auto made = [&] { return room.size() - stream_.avail_out; };
    while (stream_.avail_out > 0) {
      if (stream_.avail_in == 0 && taken_ < file_->size()) {
        if (has_had_its_turn_) return rest(made());
        if (!take_in()) return {0, State::Failed};
      }
      const int outcome = deflate(&stream_, taken_ == file_->size() ? Z_FINISH : Z_NO_FLUSH);
      if (outcome == Z_STREAM_END) return {made(), State::Ended};
      if (outcome != Z_OK && outcome != Z_BUF_ERROR) return {0, State::Failed};
    }
    return {made(), State::More};
  }

 private:
  Piece rest(size_t made) {
    has_had_its_turn_ = false;
    io::Loop& loop = exchange_.loop();
    loop.timers().arm(*this, loop.now());
    return {made, State::Waiting};
  }
  void on_due(Instant /*now*/) override { exchange_.content_ready(); }

  bool take_in() {
    const size_t wanted = std::min<uint64_t>(input_.size(), file_->size() - taken_);
    const ssize_t got = ::pread(file_->fd.get(), input_.data(), wanted, static_cast<off_t>(taken_));
    if (got <= 0) return false;  // shorter than it was
    taken_ += static_cast<uint64_t>(got);
    stream_.next_in = bytes_at(input_.data());
    stream_.avail_in = static_cast<uInt>(got);
    has_had_its_turn_ = true;
    return true;
  }

  std::shared_ptr<Gzip> gzip_;
  std::shared_ptr<const OpenFile> file_;
  Exchange& exchange_;
  z_stream stream_{};
  uint64_t taken_ = 0;
  bool has_begun_ = false;
  bool has_had_its_turn_ = false;
  std::array<char, kInputPerTurn> input_;
};

std::unique_ptr<Source> Gzip::compress(const std::shared_ptr<Gzip>& gzip,
                                       std::shared_ptr<const OpenFile> file, Exchange& exchange) {
  if (gzip->under_way_ >= kMost) return nullptr;
  auto source = std::make_unique<GzipSource>(gzip, std::move(file), exchange);
  if (!source->has_begun()) return nullptr;
  return source;
}

std::optional<std::string> gzip_at_once(std::string_view text) {
  z_stream stream{};
  if (!begin(stream, text.size())) return std::nullopt;
  std::string compressed(text.size(), '\0');
  stream.next_in = bytes_at(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = bytes_at(compressed.data());
  stream.avail_out = static_cast<uInt>(compressed.size());
  const int outcome = deflate(&stream, Z_FINISH);
  compressed.resize(stream.total_out);
  deflateEnd(&stream);
  if (outcome != Z_STREAM_END) return std::nullopt;
  return compressed;
}

}  // namespace sockherd::worker
