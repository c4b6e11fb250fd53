// Output: what waits to be sent on one connection: bytes, and behind them at most one content that
// did not fit among them (a long string, a part of a file) or is made while it is sent (a source).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "daemon/io/socket.h"
#include "daemon/worker/buffer.h"
#include "daemon/worker/handler.h"

namespace sockherd::worker {

// How the client learns where content of unknown length ends.
enum class Framing : uint8_t { None, Chunked };

enum class FlushState : uint8_t {
  Done,     // all is sent
  Blocked,  // the socket is full
  Waiting,  // for the source
  Broken,   // the connection, or what was to be sent
};

struct FlushOutcome {
  FlushState state = FlushState::Done;
  size_t bytes = 0;  // sent
};

class Output {
 public:
  explicit Output(BufferPool& pool) : bytes_(pool) {}

  bool is_empty() const { return bytes_.is_empty() && !has_content(); }

  // Whether something stands behind the bytes; then no other answer may be put.
  bool has_content() const { return content_left_ != 0 || source_ != nullptr; }
  size_t room_bytes() const { return bytes_.room_bytes(); }
  Buffer& bytes() { return bytes_; }

  // Takes it out of `content`. Requires: !has_content(). What is short is copied into the buffer,
  // files too. Returns false if a file could not be read as far as it was long.
  [[nodiscard]] bool put(Content& content);
  // size: of all that the source makes, where that has been said; one that makes more or less has
  // failed.
  void put(std::unique_ptr<Source> source, Framing framing, std::optional<uint64_t> size);

  // Gives back the memory that holds nothing.
  void release_if_empty() { bytes_.release_if_empty(); }

  // Sends what it can. Keeps its memory for the next answer.
  FlushOutcome flush(io::Socket& socket);

 private:
  bool put_file(FilePart& part);
  Source::State fill();
  Source::State fill_with_piece();
  bool end_chunks();
  io::Outcome send_some(io::Socket& socket);
  void consume(size_t sent);

  Buffer bytes_;
  Content content_;
  uint64_t content_sent_ = 0;
  uint64_t content_left_ = 0;
  std::unique_ptr<Source> source_;
  std::optional<uint64_t> source_left_;
  Framing framing_ = Framing::None;
};

}  // namespace sockherd::worker
