// multipart/form-data (RFC 7578, RFC 2046 section 5.1): a body in pieces in, parts in pieces out.
//
// Strict where programs are made for it: every part has a Content-Disposition of "form-data" with a
// name, lines end with CRLF, the last boundary must come. Bounded: the head of a part, their
// number; the content is as long as the body may be. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sockherd::http {

// The boundary that the value of a Content-Type field names; nothing where it is no
// multipart/form-data, or names none that is valid.
std::optional<std::string> multipart_boundary(std::string_view content_type);
// Whether it says multipart/form-data, with whatever parameters.
bool is_multipart_form(std::string_view content_type);

struct PartHead {
  std::string name;
  std::optional<std::string> filename;  // of a file; "" where none was chosen
  std::string content_type;             // "" where it is not said
};

class MultipartReader {
 public:
  static constexpr size_t kMostHeadBytes = size_t{8} * 1024;
  static constexpr size_t kMostParts = 1000;

  class Sink {
   public:
    virtual void on_part(PartHead head) = 0;
    virtual void on_data(std::string_view piece) = 0;
    virtual void on_part_end() = 0;

   protected:
    ~Sink() = default;
  };

  MultipartReader(std::string_view boundary, Sink& sink);

  // Takes the next piece. False: the body is bad, and fault() says why; nothing more is taken.
  bool feed(std::string_view piece);
  // The body has ended. False: as above.
  bool finish();

  const char* fault() const { return fault_; }  // static

 private:
  enum class State : uint8_t { Preamble, Delimiter, Head, Data, Epilogue, Failed };
  enum class Step : uint8_t { Done, NeedMore };

  Step step();
  Step skip_preamble();
  Step read_delimiter();
  Step read_head();
  Step read_data();
  Step fail(const char* why);
  void consume(size_t bytes) { at_ += bytes; }
  std::string_view left() const { return std::string_view(buffer_).substr(at_); }

  const std::string delimiter_;  // with the line end and the hyphens in front
  Sink& sink_;
  std::string buffer_;
  size_t at_ = 0;  // of the buffer, what was taken
  size_t parts_ = 0;
  State state_ = State::Preamble;
  const char* fault_ = "";
};

}  // namespace sockherd::http
