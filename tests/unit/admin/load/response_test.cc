#include "admin/load/response.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace sockherd::load {
namespace {

using http::ParseState;

struct Read {
  ParseState state = ParseState::Incomplete;
  int status = 0;
  bool keeps_alive = false;
  size_t left = 0;  // bytes behind it
};

// Gives it pieces of `size` bytes, and again what it has not consumed.
Read read(std::string_view bytes, size_t size, http::Method asked = http::Method::Get) {
  ResponseReader reader(asked);
  http::ReceivedHead scratch;
  std::string rest;
  Read result;
  for (size_t at = 0; at < bytes.size(); at += size) {
    rest += bytes.substr(at, size);
    const ResponseReader::Step step = reader.read(rest, scratch);
    rest.erase(0, step.consumed);
    result.state = step.state;
    if (step.state == ParseState::Incomplete) continue;
    result.left = rest.size() + bytes.size() - std::min(bytes.size(), at + size);
    break;
  }
  result.status = reader.status();
  result.keeps_alive = reader.keeps_alive();
  if (result.state == ParseState::Incomplete && reader.ends_here()) {
    result.state = ParseState::Complete;
  }
  return result;
}

struct Good {
  std::string bytes;
  int status;
  bool keeps_alive;
  size_t left;
  http::Method asked = http::Method::Get;
};

TEST(ResponseReader, ReadsEveryFramingHoweverItIsCut) {
  const std::vector<Good> kCases = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP", 200, true, 4},
      {"HTTP/1.1 204 No Content\r\n\r\n", 204, true, 0},
      {"HTTP/1.1 304 \r\ncontent-length: 10\r\n\r\nX", 304, true, 1},
      {"HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nZ", 200, true, 1},
      {"HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 503, false, 0},
      {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, false, 0},
      {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", 200, true, 0},
      {"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, false, 0},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 201 C\r\n"
       "Content-Length: 1\r\n\r\nx",
       201, true, 0},
      {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", 200, true, 0, http::Method::Head},
  };
  for (const Good& good : kCases) {
    for (size_t size = 1; size <= good.bytes.size(); ++size) {
      const Read result = read(good.bytes, size, good.asked);
      ASSERT_EQ(result.state, ParseState::Complete) << good.bytes << " in pieces of " << size;
      EXPECT_EQ(result.status, good.status);
      EXPECT_EQ(result.keeps_alive, good.keeps_alive) << good.bytes;
      EXPECT_EQ(result.left, good.left) << good.bytes << " in pieces of " << size;
    }
  }
}

TEST(ResponseReader, RefusesWhatCouldMeanTwoThings) {
  const std::vector<std::string> kCases = {
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.1 2x0 OK\r\n\r\n",
      "HTTP/1.1 600 OK\r\n\r\n",
      "HTTP/1.1 099 OK\r\n\r\n",
      "HTTP/1.1 200OK\r\n\r\n",
      "HTTP/1.1  200 OK\r\n\r\n",
      "http/1.1 200 OK\r\n\r\n",
      "ICY 200 OK or something\r\n\r\n",
      "HTTP/1.1 200 O\rK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: b\nB: c\r\n\r\n",
      "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
      "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
      "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
      "HTTP/1.1 101 Switching Protocols\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x'),
  };
  for (const std::string& bytes : kCases) {
    EXPECT_EQ(read(bytes, bytes.size()).state, ParseState::Refused) << bytes.substr(0, 80);
  }
}

TEST(ResponseReader, RefusesAFloodOfInterimResponses) {
  const std::string final = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  std::string interim;
  for (size_t i = 0; i < http::kMostInterimResponses; ++i) interim += "HTTP/1.1 103 E\r\n\r\n";
  EXPECT_EQ(read(interim + final, 7).status, 200);
  EXPECT_EQ(read("HTTP/1.1 102 P\r\n\r\n" + interim + final, 7).state, ParseState::Refused);
}

}  // namespace
}  // namespace sockherd::load
