// HeadMemo: parses heads, and knows the one that comes again.
//
// Polls, health checks, proxies and pipelined batches send the same head over and over, over many
// connections. A head is a function of its bytes: where they are the same as before, comparing them
// says all that parsing would (a thirtieth of the instructions for the head of a browser,
// measured). A head is remembered when it comes the second time, so traffic that never repeats
// itself pays for a few words of comparison. One a loop. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/http/request.h"

namespace sockherd::http {

class HeadMemo {
 public:
  explicit HeadMemo(const HeadLimits& limits) : limits_(limits) {}

  struct Parsed {
    ParseResult result;
    const RequestHead* head;  // until the next call; views into the bytes, or into this object
    bool is_known;            // the same bytes as last time; only where the whole head was there
  };

  // As parse_request_head().
  Parsed parse(std::string_view bytes, size_t& scanned) {
    if (scanned == 0 && known_size_ != 0 && bytes.starts_with(known())) {
      return {{.state = ParseState::Complete, .consumed = known_size_}, &known_head_, true};
    }
    return parse_unknown(bytes, scanned);
  }

 private:
  static constexpr size_t kMostBytes = 2048;

  std::string_view known() const { return {known_bytes_.data(), known_size_}; }
  Parsed parse_unknown(std::string_view bytes, size_t& scanned);
  void remember(std::string_view head);

  HeadLimits limits_;
  RequestHead head_;
  RequestHead known_head_;  // of known_bytes_
  size_t known_size_ = 0;
  uint64_t last_mark_ = 0;  // of the last head that was parsed
  std::array<char, kMostBytes> known_bytes_;
};

}  // namespace sockherd::http
