#include "daemon/worker/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "daemon/http/response.h"
#include "daemon/worker/reset.h"

namespace sockherd::worker {
namespace {

// Parts of files up to this size are read into the buffer and leave with the head in one send; see
// kInMemoryAtMost in site.cc.
constexpr uint64_t kReadAtMost = uint64_t{16} * 1024;

// The least that a source is asked to fill.
constexpr size_t kLeastPiece = 4096;

// Around a piece: the size of a chunk that fits a buffer, two line ends.
constexpr size_t kChunkFraming = 12;

// The file that has to be read to send the content; null where that is in memory.
FilePart* file_of(Content& content) {
  auto* part = std::get_if<FilePart>(&content);
  return part != nullptr && !part->file->is_in_memory ? part : nullptr;
}

// Of a content in memory.
std::string_view view_of(const Content& content) {
  if (const auto* view = std::get_if<std::string_view>(&content)) return *view;
  if (const auto* text = std::get_if<std::string>(&content)) return *text;
  const auto& part = *std::get_if<FilePart>(&content);
  return std::string_view(part.file->content).substr(part.offset, part.length);
}

uint64_t size_of(const Content& content) {
  if (const auto* file = std::get_if<FilePart>(&content)) return file->length;
  return view_of(content).size();
}

}  // namespace

bool Output::put(Content& content) {
  const uint64_t size = size_of(content);
  if (size == 0) return true;
  FilePart* file = file_of(content);
  if (file != nullptr && size <= kReadAtMost && size <= room_bytes()) return put_file(*file);
  if (file == nullptr && size <= room_bytes()) {
    bytes_.append(view_of(content));
    return true;
  }
  content_ = std::move(content);
  content_sent_ = 0;
  content_left_ = size;
  return true;
}

void Output::put(std::unique_ptr<Source> source, Framing framing, std::optional<uint64_t> size) {
  source_ = std::move(source);
  source_left_ = size;
  framing_ = framing;
}

bool Output::put_file(FilePart& part) {
  while (part.length > 0) {
    const ssize_t got = ::pread(part.file->fd.get(), bytes_.room().data(), part.length,
                                static_cast<off_t>(part.offset));
    if (got <= 0) return false;
    bytes_.commit(static_cast<size_t>(got));
    part.offset += static_cast<uint64_t>(got);
    part.length -= static_cast<uint64_t>(got);
  }
  return true;
}

// Fills the buffer from the source. Waiting: there may be bytes to send before the wait.
Source::State Output::fill() {
  Source::State state = Source::State::More;
  while (state == Source::State::More && room_bytes() >= kLeastPiece + kChunkFraming) {
    state = fill_with_piece();
  }
  if (state == Source::State::Ended) {
    if (source_left_.value_or(0) != 0) return Source::State::Failed;
    if (framing_ == Framing::Chunked && !end_chunks()) return Source::State::Failed;
    source_.reset();
  }
  return state;
}

Source::State Output::fill_with_piece() {
  const size_t framing = framing_ == Framing::Chunked ? kChunkFraming : 0;
  std::span<char> room = bytes_.room();
  room = room.first(room.size() - framing);
  const Source::Piece piece = source_->read(room);
  if (source_left_) {
    if (piece.bytes > *source_left_) return Source::State::Failed;
    *source_left_ -= piece.bytes;
  }
  if (piece.bytes == 0) {
    return piece.state == Source::State::More ? Source::State::Waiting : piece.state;
  }
  if (framing == 0) {
    bytes_.commit(piece.bytes);
    return piece.state;
  }
  const auto head = http::chunk_head(piece.bytes);
  std::memmove(room.data() + head.view().size(), room.data(), piece.bytes);
  std::memcpy(room.data(), head.view().data(), head.view().size());
  bytes_.commit(head.view().size() + piece.bytes);
  bytes_.append(http::kChunkEnd);
  return piece.state;
}

// "0" CRLF, trailers, CRLF. False if a trailer would break out of its line, or there are too many.
bool Output::end_chunks() {
  const size_t size = http::write_last_chunk(source_->trailers(), bytes_.room());
  bytes_.commit(size);
  return size > 0;
}

FlushOutcome Output::flush(io::Socket& socket) {
  size_t sent = 0;
  while (!is_empty()) {
    Source::State source = Source::State::Ended;
    if (source_ != nullptr) {
      if (bytes_.is_empty()) bytes_.restart();
      source = fill();
    }
    if (source == Source::State::Failed) {
      // The end of the connection would be the end of the content, and half of it taken for whole.
      const bool ends_with_connection = framing_ == Framing::None && !source_left_;
      if (ends_with_connection) drop_unsent_at_close(socket.fd());
      return {FlushState::Broken, sent};
    }
    if (is_empty()) break;
    if (bytes_.is_empty() && source == Source::State::Waiting) return {FlushState::Waiting, sent};
    const io::Outcome outcome = send_some(socket);
    sent += outcome.bytes;
    consume(outcome.bytes);
    if (outcome.state == io::State::Blocked) return {FlushState::Blocked, sent};
    if (outcome.state != io::State::Done) return {FlushState::Broken, sent};
  }
  bytes_.restart();
  if (!std::holds_alternative<std::string_view>(content_)) content_ = std::string_view();
  return {FlushState::Done, sent};
}

void Output::consume(size_t sent) {
  const size_t of_bytes = std::min(sent, bytes_.size());
  bytes_.consume(of_bytes);
  content_sent_ += sent - of_bytes;
  content_left_ -= sent - of_bytes;
}

io::Outcome Output::send_some(io::Socket& socket) {
  if (content_left_ == 0) return socket.send(bytes_.bytes());
  const FilePart* file = file_of(content_);
  if (file == nullptr) {
    return socket.send_two(bytes_.bytes(), view_of(content_).substr(content_sent_));
  }
  if (!bytes_.is_empty()) return socket.send(bytes_.bytes(), io::Follows::More);
  return socket.send_file(file->file->fd.get(), file->offset + content_sent_, content_left_);
}

}  // namespace sockherd::worker
