// One HTTP/1.1 response, read piece by piece, as a suspicious client reads it.
//
// Deliberately not the parser of the daemon: the hammer must not share its mistakes.
// Content-Length, chunked and until-close bodies; interim 1xx responses are skipped; a request is
// never HEAD.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sockherd::hammer {

class ResponseReader {
 public:
  void reset();

  // Takes what was received; returns how many bytes belonged to this response.
  size_t feed(std::string_view bytes);

  // The connection ended. Completes a response that lasts until then.
  void on_end();

  bool is_done() const { return state_ == State::Done; }
  bool is_malformed() const { return state_ == State::Malformed; }
  bool has_head() const { return state_ != State::Head; }
  bool has_bytes() const { return total_ > 0; }
  uint64_t total_bytes() const { return total_; }

  int status() const { return status_; }
  bool wants_close() const { return close_; }
  uint64_t body_size() const { return body_size_; }
  const std::string& body() const { return body_; }  // its first kBodyKept bytes

  static constexpr size_t kBodyKept = 64 * 1024;

 private:
  enum class State {
    Head,
    Fixed,
    ChunkSize,
    ChunkData,
    ChunkEnd,
    Trailer,
    UntilEnd,
    Done,
    Malformed
  };

  size_t take(std::string_view bytes);
  size_t take_line(std::string_view bytes, std::string_view end);
  size_t take_data(std::string_view bytes);
  void on_head();
  void on_field(std::string_view name, std::string_view value);
  void on_chunk_size();
  void begin_body();

  State state_ = State::Head;
  std::string line_;  // the head, or a line of the chunked coding, as far as it is here
  std::string body_;
  int status_ = 0;
  bool close_ = false;
  bool chunked_ = false;
  bool has_length_ = false;
  uint64_t left_ = 0;  // bytes of the body or the chunk still to come
  uint64_t body_size_ = 0;
  uint64_t total_ = 0;
};

}  // namespace sockherd::hammer
