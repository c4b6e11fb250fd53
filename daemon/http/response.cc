#include "daemon/http/response.h"

#include <algorithm>

#include "daemon/base/assert.h"
#include "daemon/http/characters.h"
#include "daemon/http/date.h"
#include "daemon/http/head_writer.h"
#include "daemon/http/trailers.h"
#include "daemon/http/writer.h"

namespace sockherd::http {
namespace {

constexpr std::string_view kServer = "Server: sockherd\r\n";
constexpr std::string_view kContentType = "Content-Type: ";

bool is_writable(const ResponseHead& head) {
  if (!are_writable(head.fields) || !is_value(head.content_type)) return false;
  return !head.opening.empty() || (!status_line(head.status).empty() && is_value(head.date));
}

}  // namespace

ConnectionOption connection_option(const RequestHead& request) {
  if (!request.keep_alive) return ConnectionOption::Close;
  return request.minor_version == 0 ? ConnectionOption::KeepAlive : ConnectionOption::None;
}

void OpeningCache::write(int64_t unix_seconds) {
  const auto date = format_date(unix_seconds);
  Writer writer(text_.data());
  writer.add(status_line(200));
  writer.add(kServer);
  writer.add_line(kDate, {date.data(), date.size()});
  size_ = static_cast<size_t>(writer.at() - text_.data());
  SH_ASSERT(size_ <= text_.size());
  second_ = unix_seconds;
}

HeadWritten write_response_head(const ResponseHead& head, std::span<char> buffer) {
  if (!is_writable(head)) return {.outcome = WriteOutcome::BadField};
  const std::string_view connection = connection_line(head.connection);
  size_t most = head.opening.size() + line_size(kContentType, head.content_type) +
                kContentLength.size() + Decimal::kMost + kChunked.size() + connection.size() +
                2 * kLineEnd.size() + size_of(head.fields);
  if (head.opening.empty()) {
    most += status_line(head.status).size() + kServer.size() + line_size(kDate, head.date);
  }
  if (most > buffer.size()) return {.outcome = WriteOutcome::NoRoom, .bytes = most};

  Writer writer(buffer.data());
  if (head.opening.empty()) {
    writer.add(status_line(head.status));
    writer.add(kServer);
    writer.add_line(kDate, head.date);
  } else {
    writer.add(head.opening);
  }
  writer.add_line(kContentType, head.content_type);
  if (head.body == BodyKind::Length) {
    writer.add(kContentLength);
    writer.add(head.content_length);
    writer.add(kLineEnd);
  } else if (head.body == BodyKind::Chunked) {
    writer.add(kChunked);
  }
  writer.add(connection);
  add_fields(writer, head.fields);
  writer.add(kLineEnd);
  return {.outcome = WriteOutcome::Written,
          .bytes = static_cast<size_t>(writer.at() - buffer.data())};
}

size_t write_last_chunk(std::span<const Field> trailers, std::span<char> buffer) {
  const size_t size = kLastChunk.size() + size_of(trailers);
  const bool allowed = std::all_of(trailers.begin(), trailers.end(), [](const Field& field) {
    return is_allowed_in_trailers(field.name);
  });
  if (size > buffer.size() || !allowed || !are_writable(trailers)) return 0;
  Writer writer(buffer.data());
  writer.add(kLastChunk.substr(0, 3));
  add_fields(writer, trailers);
  writer.add(kLineEnd);
  return size;
}

size_t write_error_response(const ErrorResponse& error, std::span<char> buffer) {
  const Decimal code(static_cast<uint64_t>(error.status));
  const std::string_view phrase = reason_phrase(error.status);
  const std::string_view colon = error.reason.empty() ? "" : ": ";
  const size_t body_size =
      code.view().size() + 1 + phrase.size() + colon.size() + error.reason.size() + 1;
  const ResponseHead head{.status = error.status,
                          .date = error.date,
                          .content_type = "text/plain; charset=utf-8",
                          .content_length = body_size,
                          .connection = error.connection,
                          .fields = error.fields};
  const HeadWritten written = write_response_head(head, buffer);
  if (written.outcome != WriteOutcome::Written) return 0;
  if (error.method == Method::Head) return written.bytes;
  if (buffer.size() - written.bytes < body_size) return 0;

  Writer writer(buffer.data() + written.bytes);
  writer.add(code.view());
  writer.add(" ");
  writer.add(phrase);
  writer.add(colon);
  writer.add(error.reason);
  writer.add("\n");
  return written.bytes + body_size;
}

ChunkHead::ChunkHead(uint64_t size) : bytes_{}, start_(bytes_.size() - kChunkEnd.size()) {
  SH_ASSERT(size > 0);
  bytes_[start_] = '\r';
  bytes_[start_ + 1] = '\n';
  for (; size > 0; size >>= 4U) bytes_[--start_] = "0123456789abcdef"[size & 0xfU];
}

ChunkHead chunk_head(uint64_t size) {
  return ChunkHead(size);
}

}  // namespace sockherd::http
