#include "daemon/http/response.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace sockherd::http {
namespace {

std::string written(const ResponseHead& head) {
  std::string buffer(4096, '?');
  const HeadWritten result = write_response_head(head, buffer);
  if (result.outcome != WriteOutcome::Written) return "";
  return buffer.substr(0, result.bytes);
}

WriteOutcome outcome_of(const Field& field) {
  std::array<char, 512> buffer{};
  return write_response_head({.fields = {&field, 1}}, buffer).outcome;
}

TEST(Response, WritesTheWholeHeadInOrder) {
  const Field fields[] = {{"ETag", "\"a\""}, {"X-Empty", ""}};
  EXPECT_EQ(written({.status = 200,
                     .date = "Sun, 06 Nov 1994 08:49:37 GMT",
                     .content_type = "text/plain",
                     .content_length = 18446744073709551615U,
                     .connection = ConnectionOption::KeepAlive,
                     .fields = fields}),
            "HTTP/1.1 200 OK\r\n"
            "Server: sockherd\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain\r\n"
            "Content-Length: 18446744073709551615\r\n"
            "Connection: keep-alive\r\n"
            "ETag: \"a\"\r\n"
            "X-Empty: \r\n"
            "\r\n");
}

TEST(Response, FramesTheBodyInOneWay) {
  EXPECT_EQ(written({}), "HTTP/1.1 200 OK\r\nServer: sockherd\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(written({.status = 304, .body = BodyKind::None, .content_length = 5}),
            "HTTP/1.1 304 Not Modified\r\nServer: sockherd\r\n\r\n");
  EXPECT_EQ(written({.body = BodyKind::Chunked, .content_length = 5}),
            "HTTP/1.1 200 OK\r\nServer: sockherd\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(
      written({.status = 101, .body = BodyKind::None, .connection = ConnectionOption::Upgrade}),
      "HTTP/1.1 101 Switching Protocols\r\nServer: sockherd\r\nConnection: Upgrade\r\n\r\n");
}

TEST(Response, WritesNothingWhereTheHeadDoesNotFit) {
  const ResponseHead head{.content_type = "text/plain"};
  const HeadWritten none = write_response_head(head, {});
  ASSERT_EQ(none.outcome, WriteOutcome::NoRoom);
  EXPECT_GE(none.bytes, written(head).size());
  for (size_t room = 0; room < none.bytes; ++room) {
    std::vector<char> buffer(room, '?');
    ASSERT_EQ(write_response_head(head, buffer).outcome, WriteOutcome::NoRoom);
    EXPECT_EQ(std::string(buffer.begin(), buffer.end()), std::string(room, '?'));
  }
  std::vector<char> enough(none.bytes);
  EXPECT_EQ(write_response_head(head, enough).outcome, WriteOutcome::Written);
}

TEST(Response, BeginsWithWhatIsTheSameForASecond) {
  OpeningCache openings;
  const std::string opening(openings.at(784111777));
  EXPECT_EQ(opening,
            "HTTP/1.1 200 OK\r\nServer: sockherd\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  EXPECT_EQ(written({.opening = opening, .content_length = 7}),
            opening + "Content-Length: 7\r\n\r\n");
  EXPECT_EQ(openings.at(784111778).substr(58, 8), "08:49:38");
}

TEST(Response, PutsTrailersIntoTheLastChunk) {
  std::array<char, 64> room{};
  EXPECT_EQ(std::string(room.data(), write_last_chunk({}, room)), kLastChunk);
  const std::array fields = {Field{"X-Sum", "42"}};
  EXPECT_EQ(std::string(room.data(), write_last_chunk(fields, room)), "0\r\nX-Sum: 42\r\n\r\n");
  const std::array bad = {Field{"X-Sum", "4\r\n2"}};
  EXPECT_EQ(write_last_chunk(bad, room), 0u);
  EXPECT_EQ(write_last_chunk(fields, std::span(room).first(10)), 0u);
}

TEST(Response, RefusesAFieldThatWouldBreakOutOfItsLine) {
  for (int byte = 0; byte < 256; ++byte) {
    for (const size_t at : {size_t{0}, size_t{5}, size_t{11}}) {
      std::string value(12, 'v');
      value[at] = static_cast<char>(byte);
      const bool good = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
      EXPECT_EQ(outcome_of({"X", value}), good ? WriteOutcome::Written : WriteOutcome::BadField)
          << byte;
    }
  }
  for (const std::string_view name : {"", "A B", "A:", "A\r\nB", "\xc3\xa4"}) {
    EXPECT_EQ(outcome_of({name, "v"}), WriteOutcome::BadField) << name;
  }
  EXPECT_EQ(written({.content_type = "text/plain\r\nX: y"}), "");
  EXPECT_EQ(written({.date = "\n"}), "");
  EXPECT_EQ(written({.status = 299}), "");
}

TEST(Response, TellsTheClientOnlyWhatItCanNotKnow) {
  RequestHead request;
  EXPECT_EQ(connection_option(request), ConnectionOption::None);
  request.minor_version = 0;
  EXPECT_EQ(connection_option(request), ConnectionOption::KeepAlive);
  request.keep_alive = false;
  EXPECT_EQ(connection_option(request), ConnectionOption::Close);
}

TEST(Response, AnswersErrorsInPlainText) {
  std::array<char, 512> buffer{};
  const auto answer = [&buffer](const ErrorResponse& error) {
    return std::string(buffer.data(), write_error_response(error, buffer));
  };
  EXPECT_EQ(answer({.status = 400, .reason = "bare LF", .date = "now"}),
            "HTTP/1.1 400 Bad Request\r\nServer: sockherd\r\nDate: now\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 25\r\n"
            "Connection: close\r\n\r\n400 Bad Request: bare LF\n");
  const std::string plain = answer({.status = 404, .connection = ConnectionOption::None});
  EXPECT_TRUE(plain.ends_with("Content-Length: 14\r\n\r\n404 Not Found\n")) << plain;
  const std::string head = answer({.status = 404, .method = Method::Head});
  EXPECT_TRUE(head.ends_with("Content-Length: 14\r\nConnection: close\r\n\r\n")) << head;
  const Field allow{"Allow", "GET, HEAD"};
  EXPECT_NE(answer({.status = 405, .fields = {&allow, 1}}).find("\r\nAllow: GET, HEAD\r\n"),
            std::string::npos);
}

TEST(Response, WritesNoErrorThatDoesNotFit) {
  std::array<char, 512> whole{};
  const size_t size = write_error_response({.status = 500}, whole);
  for (size_t room = 0; room < size; ++room) {
    std::vector<char> buffer(room);
    EXPECT_EQ(write_error_response({.status = 500}, buffer), 0U) << room;
  }
  std::vector<char> enough(512);
  EXPECT_EQ(write_error_response({.status = 500}, enough), size);
}

TEST(Response, WritesChunkHeads) {
  EXPECT_EQ(chunk_head(1).view(), "1\r\n");
  EXPECT_EQ(chunk_head(10).view(), "a\r\n");
  EXPECT_EQ(chunk_head(4096).view(), "1000\r\n");
  EXPECT_EQ(chunk_head(UINT64_MAX).view(), "ffffffffffffffff\r\n");
  EXPECT_DEATH(chunk_head(0), "size > 0");
}

TEST(Status, NamesWhatIsInTheTable) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(status_line(431), "HTTP/1.1 431 Request Header Fields Too Large\r\n");
  for (const int status : {-1, 0, 99, 299, 599, 600, 100000}) {
    EXPECT_EQ(reason_phrase(status), "Unknown") << status;
    EXPECT_EQ(status_line(status), "") << status;
  }
}

}  // namespace
}  // namespace sockherd::http
