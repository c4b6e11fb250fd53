// Output: what waits to be sent on one connection: bytes, and behind them at most one content that
// did not fit among them (a long string, a part of a file).
#pragma once

#include <cstdint>
#include <string_view>

#include "daemon/worker/buffer.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/io.h"

namespace sockherd::worker {

uint64_t content_bytes(const Content& content);

class Output {
 public:
  explicit Output(BufferPool& pool) : bytes_(pool) {}

  bool is_empty() const { return bytes_.is_empty() && content_left_ == 0; }

  // Whether another answer may be put behind what is there.
  bool has_content() const { return content_left_ != 0; }
  size_t room_bytes() const { return bytes_.room_bytes(); }
  Buffer& bytes() { return bytes_; }

  // Requires: !has_content(). What is short is copied into the buffer, files too.
  // Returns false if a file could not be read as far as it was long.
  [[nodiscard]] bool put(Content content);

  // Sends what it can. Done: everything; `bytes` counts also when it is another outcome.
  IoOutcome flush(int fd);

 private:
  bool put_file(FilePart part);
  IoOutcome send_some(int fd);

  Buffer bytes_;
  Content content_;
  uint64_t content_sent_ = 0;
  uint64_t content_left_ = 0;
};

}  // namespace sockherd::worker
