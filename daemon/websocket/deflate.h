// Inflater and Deflater: the payload of messages in permessage-deflate (RFC 7692 section 7.2),
// through zlib, each message by itself (deflate_terms.h says why).
//
// One of each serves all connections of a loop; they take their memory when they are used first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/websocket/deflate_terms.h"

struct z_stream_s;

namespace sockherd::websocket {

class Inflater {
 public:
  enum class Outcome : uint8_t {
    Done,
    TooLong,  // stopped at `most` bytes: what it would have become is not known
    Broken,   // no valid DEFLATE data, or cut off
  };

  Inflater();
  ~Inflater();

  // Makes the text of a whole message. `to` is overwritten.
  Outcome inflate(std::string_view payload, size_t most, std::string& to);

 private:
  std::unique_ptr<z_stream_s> stream_;
};

class Deflater {
 public:
  Deflater();
  ~Deflater();

  // Makes the payload of a whole message. window_bits: 8 to 15, what the client can take. `to` is
  // overwritten. Returns false where it would not be shorter: send it as it is.
  [[nodiscard]] bool deflate(std::string_view text, uint8_t window_bits, std::string& to);

 private:
  static constexpr uint8_t kLeastBits = 8;
  struct End {
    void operator()(z_stream_s* stream) const;
  };
  using Stream = std::unique_ptr<z_stream_s, End>;
  z_stream_s* stream_of(uint8_t window_bits);

  // One for each size of a window, made when it is asked for.
  std::array<Stream, kMaxWindowBits + 1 - kLeastBits> streams_;
};

}  // namespace sockherd::websocket
