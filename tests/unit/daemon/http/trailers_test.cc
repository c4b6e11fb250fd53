#include "daemon/http/trailers.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/http/body.h"
#include "daemon/http/response.h"

namespace sockherd::http {
namespace {

std::string parsed(std::string_view section, size_t room = 4) {
  std::vector<Field> storage(room);
  const auto fields = parse_trailers(section, storage);
  if (!fields) return "too many";
  std::string text;
  for (const Field& field : *fields) {
    text += std::string(field.name) + "=" + std::string(field.value) + ";";
  }
  return text;
}

TEST(Trailers, AreFields) {
  EXPECT_EQ(parsed(""), "");
  EXPECT_EQ(parsed("A: b\r\n"), "A=b;");
  EXPECT_EQ(parsed("A:\t b c \r\nDigest:x:y\r\nE:\r\n"), "A=b c;Digest=x:y;E=;");
}

TEST(Trailers, AreBounded) {
  EXPECT_EQ(parsed("A: 1\r\nB: 2\r\n", 2), "A=1;B=2;");
  EXPECT_EQ(parsed("A: 1\r\nB: 2\r\nC: 3\r\n", 2), "too many");
  EXPECT_EQ(parsed("A: 1\r\nHost: h\r\nB: 2\r\n", 2), "A=1;B=2;");
}

TEST(Trailers, NeverSteerTheMessage) {
  std::array<char, 512> buffer{};
  for (const std::string name :
       {"Content-Length", "TRANSFER-ENCODING", "host", "Connection", "Trailer", "TE", "Upgrade",
        "Expect", "Range", "If-Match", "Cookie", "Set-Cookie", "Authorization", "Content-Type",
        "Content-Encoding", "Content-Range", "Cache-Control", "Max-Forwards", "Location"}) {
    EXPECT_FALSE(is_allowed_in_trailers(name)) << name;
    EXPECT_EQ(parsed(name + ": 1\r\nA: b\r\n"), "A=b;") << name;
    const Field field{name, "1"};
    EXPECT_EQ(write_last_chunk({&field, 1}, buffer), 0U) << name;
  }
  for (const std::string_view name : {"ETag", "Digest", "Server-Timing", "grpc-status", "Hosts"}) {
    EXPECT_TRUE(is_allowed_in_trailers(name)) << name;
  }
}

TEST(Trailers, AreReadAgainAsTheyWereWritten) {
  std::array<char, 512> buffer{};
  const std::array fields = {Field{"A", "b"}, Field{"C", "d"}};
  const size_t size = write_last_chunk(fields, buffer);
  BodyReader reader(BodyKind::Chunked, 0, 0);
  const BodyReader::Step step = reader.read({buffer.data(), size});
  ASSERT_EQ(step.state, ParseState::Complete);
  EXPECT_EQ(parsed(step.trailers), "A=b;C=d;");
}

}  // namespace
}  // namespace sockherd::http
