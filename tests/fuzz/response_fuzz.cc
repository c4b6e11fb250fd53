// The input says what an answer is made of: status, framing, fields. Whatever it is: nothing breaks
// out of its line, the head ends where it says, and what was framed is read again as it was.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/assert.h"
#include "daemon/http/body.h"
#include "daemon/http/characters.h"
#include "daemon/http/response.h"
#include "daemon/http/trailers.h"

namespace {

using namespace sockherd::http;

// Hands out the input from the front.
class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}

  uint8_t byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string_view text() {
    const std::string_view text = bytes_.substr(0, byte() % 32);
    bytes_.remove_prefix(text.size() < bytes_.size() ? text.size() : bytes_.size());
    return text;
  }

 private:
  std::string_view bytes_;
};

// A head into exactly as much room as it asks for, on the heap; "" when it is refused.
std::string written(const ResponseHead& head) {
  const HeadWritten wanted = write_response_head(head, {});
  if (wanted.outcome == WriteOutcome::BadField) return "";
  SH_ASSERT(wanted.outcome == WriteOutcome::NoRoom);
  const std::unique_ptr<char[]> room(new char[wanted.bytes]);
  SH_ASSERT(write_response_head(head, {room.get(), wanted.bytes - 1}).outcome ==
            WriteOutcome::NoRoom);
  const HeadWritten result = write_response_head(head, {room.get(), wanted.bytes});
  SH_ASSERT(result.outcome == WriteOutcome::Written && result.bytes <= wanted.bytes);
  return {room.get(), result.bytes};
}

// As a client that is strict reads it: the number of lines, and nothing in them that ends a line.
void check_head(std::string_view text, const ResponseHead& head) {
  SH_ASSERT(text.starts_with("HTTP/1.1 "));
  size_t lines = 0;
  size_t framings = 0;
  while (!text.starts_with("\r\n")) {
    const size_t end = text.find("\r\n");
    SH_ASSERT(end != text.npos);
    const std::string_view line = text.substr(0, end);
    const char* stop = line.data() + line.size();
    SH_ASSERT(skip_field_bytes(line.data(), stop) == stop);
    if (lines > 0) {
      const size_t colon = line.find(": ");
      SH_ASSERT(colon != line.npos && is_all(kTokenByte, line.substr(0, colon)));
      if (lines <= 5 && (line.starts_with("Content-Length: ") || line.starts_with("Transfer-"))) {
        ++framings;
      }
    }
    text.remove_prefix(end + 2);
    ++lines;
  }
  SH_ASSERT(text == "\r\n");
  size_t expected = 2;  // status and Server
  if (!head.date.empty()) ++expected;
  if (!head.content_type.empty()) ++expected;
  if (head.body != BodyKind::None) ++expected;
  if (head.connection != ConnectionOption::None) ++expected;
  SH_ASSERT(lines == expected + head.fields.size());
  SH_ASSERT(head.body == BodyKind::None || framings >= 1);
}

void check_error(Input input, std::span<const Field> fields) {
  const ErrorResponse error{.status = 400 + input.byte() % 120,
                            .reason = "some words",
                            .method = input.byte() % 2 == 0 ? Method::Head : Method::Get,
                            .fields = fields};
  std::array<char, 4096> buffer;
  const size_t size = write_error_response(error, buffer);
  const std::string_view text(buffer.data(), size);
  SH_ASSERT(size == 0 || text.find("\r\n\r\n") != text.npos);
  SH_ASSERT(size == 0 || error.method != Method::Head || text.ends_with("\r\n\r\n"));
}

// Chunks of the input, with the fields as trailers, through the reader.
void check_chunks(std::string_view bytes, std::span<const Field> trailers) {
  std::array<char, 4096> buffer;
  const size_t size = write_last_chunk(trailers, buffer);
  std::string stream;
  for (size_t at = 0; at < bytes.size();) {
    const std::string_view piece = bytes.substr(at, 1 + static_cast<uint8_t>(bytes[at]));
    stream += chunk_head(piece.size()).view();
    stream += piece;
    stream += kChunkEnd;
    at += piece.size();
  }
  stream += size == 0 ? kLastChunk : std::string_view(buffer.data(), size);
  BodyReader reader(BodyKind::Chunked, 0, bytes.size());
  std::string content;
  std::string section;
  for (std::string_view rest = stream; !reader.is_complete();) {
    const BodyReader::Step step = reader.read(rest);
    SH_ASSERT(step.state != ParseState::Refused && step.consumed > 0);
    content += step.data;
    section += step.trailers;
    rest.remove_prefix(step.consumed);
  }
  SH_ASSERT(content == bytes);
  std::array<Field, 8> storage;
  const auto read = parse_trailers(section, storage);
  SH_ASSERT(read && read->size() == (size == 0 ? 0 : trailers.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Input input(bytes);
  ResponseHead head;
  head.status = 90 + input.byte() * 2 + input.byte() % 2;
  head.body = static_cast<BodyKind>(input.byte() % 3);
  head.connection = static_cast<ConnectionOption>(input.byte() % 4);
  head.content_length = uint64_t{input.byte()} << (input.byte() % 57U);
  head.content_type = input.text();
  head.date = input.text();
  std::vector<Field> fields(input.byte() % 6);
  for (Field& field : fields) field = {input.text(), input.text()};
  head.fields = fields;
  const std::string text = written(head);
  if (!text.empty()) check_head(text, head);
  check_error(input, fields);
  check_chunks(bytes, fields);
  return 0;
}
