#include "tests/fuzz/request_mutator.h"

#include <utility>

namespace {

using namespace std::string_literals;

// What attacks on framing are made of.
const std::vector<std::string> kPieces = {"\r",
                                          "\n",
                                          "\r\n",
                                          "\r\n\r\n",
                                          " ",
                                          "\t",
                                          "\0"s,
                                          "\x0b",
                                          "\x7f",
                                          "\x80",
                                          "\xff",
                                          ":",
                                          ";",
                                          ",",
                                          "\"",
                                          "\\",
                                          "#",
                                          "%",
                                          "/",
                                          "?",
                                          "*",
                                          "@",
                                          "[",
                                          "]",
                                          "=",
                                          "+",
                                          "-",
                                          "_",
                                          "0",
                                          "1",
                                          "9",
                                          "a",
                                          "F",
                                          "g",
                                          "0x",
                                          "00",
                                          "chunked",
                                          "identity",
                                          "gzip",
                                          "close",
                                          "keep-alive",
                                          "upgrade",
                                          "Transfer-Encoding",
                                          "Content-Length",
                                          "Host",
                                          "HTTP/1.0",
                                          "HTTP/1.1",
                                          "HTTP/1.2",
                                          "HTTP/2.0",
                                          "HTTP/0.9",
                                          "http",
                                          "http://h/",
                                          "GET",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          "ffffffffffffffff",
                                          ";a=b",
                                          ";a=\"b\"",
                                          ";a=\"b",
                                          " ;",
                                          "0\r\n\r\n"};

const std::vector<std::string> kLines = {"Content-Length: 0",
                                         "Content-Length: 5",
                                         "Content-Length: 6",
                                         "Content-Length: +5",
                                         "Content-Length: 5, 5",
                                         "Content-Length : 5",
                                         "Content-Length:5",
                                         "Content-Length:",
                                         "Content-Length: 0x5",
                                         "Content-Length: 5 5",
                                         "content-length: 05",
                                         "Transfer-Encoding: chunked",
                                         "Transfer-Encoding: identity",
                                         "Transfer-Encoding: gzip, chunked",
                                         "Transfer-Encoding: chunked, gzip",
                                         "Transfer-Encoding:\tchunked",
                                         "Transfer-Encoding : chunked",
                                         "Transfer-Encoding: xchunked",
                                         "Transfer-Encoding: chunkedx",
                                         "transfer-encoding: CHUNKED",
                                         "Transfer-Encoding: chunked;a=b",
                                         "Transfer-Encoding: ,chunked",
                                         "Transfer-Encoding: chunked,",
                                         "Transfer-Encoding: \"chunked\"",
                                         "Transfer_Encoding: chunked",
                                         "Transfer-Encoding:",
                                         "Connection: close",
                                         "Connection: keep-alive",
                                         "Connection: keep-alive, close",
                                         "Connection: upgrade",
                                         "Connection: close, upgrade",
                                         "Connection: x,close ,",
                                         "Connection:",
                                         "Connection: closed",
                                         "Upgrade: websocket",
                                         "Upgrade: h2c",
                                         "Host: other",
                                         "Host: a b",
                                         " folded",
                                         "\tfolded",
                                         "X: y",
                                         "X: \x80",
                                         "X",
                                         ": y",
                                         "Expect: 100-continue",
                                         "Expect: x",
                                         "Trailer: X",
                                         "Proxy-Connection: close"};

}  // namespace

RequestMutator::RequestMutator(std::vector<std::string> seeds, uint64_t seed)
    : seeds_(std::move(seeds)), state_(seed) {}

// xorshift64: the same on every machine, which the distributions of <random> are not.
size_t RequestMutator::below(size_t bound) {
  state_ ^= state_ << 13U;
  state_ ^= state_ >> 7U;
  state_ ^= state_ << 17U;
  return static_cast<size_t>((state_ >> 16U) % bound);
}

std::string_view RequestMutator::one_of(const std::vector<std::string>& choices) {
  return choices[below(choices.size())];
}

// Behind the request line or another line of the head.
void RequestMutator::insert_line(std::string& bytes) {
  size_t at = 0;
  for (size_t lines = 1 + below(4); lines > 0; --lines) {
    const size_t end = bytes.find("\r\n", at);
    if (end == std::string::npos || end == at) break;
    at = end + 2;
  }
  bytes.insert(at, std::string(one_of(kLines)) + "\r\n");
}

void RequestMutator::mutate(std::string& bytes) {
  if (bytes.empty()) return;
  const size_t at = below(bytes.size());
  switch (below(6)) {
    case 0:
      bytes.erase(at, 1 + below(3));
      break;
    case 1:
      bytes.insert(at, one_of(kPieces));
      break;
    case 2: {
      const std::string_view piece = one_of(kPieces);
      bytes.replace(at, piece.size(), piece);
      break;
    }
    case 3:
      bytes[at] = static_cast<char>(below(256));
      break;
    case 4: {  // a part twice
      const std::string part = bytes.substr(at, 1 + below(24));
      bytes.insert(at, part);
      break;
    }
    default:
      insert_line(bytes);
  }
}

std::string RequestMutator::next() {
  std::string bytes(one_of(seeds_));
  for (size_t count = 1 + below(3); count > 0; --count) mutate(bytes);
  return bytes;
}
