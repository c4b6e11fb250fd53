// ProxyAnswer: the answer of who stands behind a proxy, as it comes: bytes in, its head, its
// content and its trailers out.
//
// Holds one block: the head, and the content that came with it (pending()). What comes later is
// decoded where it was received (decode()). Knows nothing of sockets, clients or time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/http/body.h"
#include "daemon/http/response_head.h"
#include "daemon/worker/buffer.h"

namespace sockherd::worker {

class ProxyAnswer {
 public:
  explicit ProxyAnswer(BufferPool& pool) : in_(pool) {}

  // --- The head

  // On a new connection.
  void begin();
  bool has_begun() const { return !in_.is_empty() || interims_ > 0; }

  // Where further bytes go. Empty: a head that is longer than it may be.
  std::span<char> room();
  void commit(size_t bytes) { in_.commit(bytes); }

  enum class Head : uint8_t {
    Incomplete,
    Interim,  // 1xx: another one follows
    Switch,   // 101: unread() is the tunnel's
    Final,
    Bad,
  };
  // Takes one head; views of `head` are good until the next call that is not const.
  Head take_head(const http::ResponseLimits& limits, const http::AskedFor& asked,
                 http::ReceivedHead& head);
  std::string_view unread() const { return in_.bytes(); }

  // --- The content

  // Takes what came with the head. False: it makes no sense.
  bool begin_content(const http::ReceivedHead& head, bool wants_trailers);
  // The same for what was received into room() before anything was passed on.
  bool add(size_t bytes);
  bool has_room() const { return in_.room_bytes() > 0; }

  // Takes the content out of `bytes`, to their front. False: they are none.
  bool decode(std::span<char> bytes, size_t& content);
  // The connection has ended. False: in the middle of the answer.
  bool end();
  bool is_complete() const { return has_ended_ || content_.is_complete(); }

  // What came with the head and was not taken yet.
  std::string_view pending() const { return in_.bytes().substr(0, pending_); }
  bool has_pending() const { return pending_ > 0; }
  size_t take_pending(std::span<char> room);

  bool has_trailers() const { return !trailer_lines_.empty(); }
  void finish_trailers();
  std::span<const http::Field> trailers() const { return trailers_; }

  // The connection may serve another request, says the answer.
  bool keeps_alive() const { return keeps_alive_; }

  void clear();

 private:
  Buffer in_;
  http::BodyReader content_;
  std::string trailer_lines_;
  std::vector<http::Field> trailers_;
  size_t scanned_ = 0;
  size_t pending_ = 0;
  uint16_t interims_ = 0;
  http::Framing framing_ = http::Framing::None;
  bool wants_trailers_ = false;
  bool keeps_alive_ = false;
  bool has_ended_ = false;  // with the connection
};

}  // namespace sockherd::worker
