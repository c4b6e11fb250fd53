// ProxyBody: what is sent to who stands behind a proxy: the head of a request and its content, as
// they come from the client.
//
// Holds two blocks at most, because whoever fills it stops when is_full() and starts again when
// all is sent (back-pressure). As long as nothing was dropped of it, it can be sent again from the
// start.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "daemon/http/request.h"
#include "daemon/worker/buffer.h"

namespace sockherd::worker {

class ProxyBody {
 public:
  explicit ProxyBody(BufferPool& pool) : out_(pool), next_(pool) {}

  // For the head, which comes first; commit_head() says how long it is.
  std::span<char> head_room();
  void commit_head(size_t bytes) { out_.commit(bytes); }

  // A piece of content, framed as it is to be.
  void put(std::string_view piece, http::BodyKind framing);
  void put_end(http::BodyKind framing);

  // No piece may be put before all is sent.
  bool is_full() const { return !next_.is_empty() || out_.room_bytes() < kReserve; }

  // What is to be sent next; stays where it is until it is sent.
  std::string_view unsent() const { return out_.bytes().substr(sent_); }
  void note_sent(size_t bytes);
  bool is_sent() const { return sent_ == out_.size() && next_.is_empty(); }

  bool is_whole() const { return is_whole_; }
  void rewind() { sent_ = 0; }

  void clear();

 private:
  // For the framing of a piece: a size of 16 digits and two line ends, and that of the end.
  static constexpr size_t kReserve = 64;

  void append(std::string_view bytes);

  Buffer out_;
  Buffer next_;
  size_t sent_ = 0;  // of out_
  bool is_whole_ = true;
};

}  // namespace sockherd::worker
