#include "daemon/worker/proxy_body.h"

#include <algorithm>

#include "daemon/http/response.h"

namespace sockherd::worker {

std::span<char> ProxyBody::head_room() {
  const std::span<char> room = out_.room();
  return room.first(room.size() - kReserve);
}

void ProxyBody::append(std::string_view bytes) {
  if (next_.is_empty()) {
    const size_t count = std::min(bytes.size(), out_.room().size());
    out_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
  }
  if (!bytes.empty()) next_.append(bytes);
}

void ProxyBody::put(std::string_view piece, http::BodyKind framing) {
  if (is_sent() && out_.room_bytes() < piece.size() + kReserve) {
    out_.restart();
    sent_ = 0;
    is_whole_ = false;
  }
  if (framing == http::BodyKind::Chunked) append(http::chunk_head(piece.size()).view());
  append(piece);
  if (framing == http::BodyKind::Chunked) append(http::kChunkEnd);
}

void ProxyBody::put_end(http::BodyKind framing) {
  if (framing == http::BodyKind::Chunked) append(http::kLastChunk);
}

void ProxyBody::note_sent(size_t bytes) {
  sent_ += bytes;
  if (sent_ < out_.size() || next_.is_empty()) return;
  out_.restart();
  out_.swap(next_);
  sent_ = 0;
  is_whole_ = false;
}

void ProxyBody::clear() {
  out_.clear();
  next_.clear();
  sent_ = 0;
  is_whole_ = true;
}

}  // namespace sockherd::worker
