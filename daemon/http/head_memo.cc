#include "daemon/http/head_memo.h"

#include <cstring>

namespace sockherd::http {
namespace {

// Tells heads apart well enough to guess that one has come again; nothing depends on it. Over all
// bytes, a few instructions for eight of them: heads that differ in a cookie only must not be
// remembered in vain, which costs as much as parsing them.
uint64_t mark_of(std::string_view head) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15;
  uint64_t mark = head.size();
  uint64_t word = 0;
  while (head.size() >= sizeof word) {
    std::memcpy(&word, head.data(), sizeof word);
    mark = (mark ^ word) * kFactor;
    mark ^= mark >> 32U;
    head.remove_prefix(sizeof word);
  }
  word = 0;
  std::memcpy(&word, head.data(), head.size());
  return (mark ^ word) * kFactor;
}

}  // namespace

HeadMemo::Parsed HeadMemo::parse_unknown(std::string_view bytes, size_t& scanned) {
  const ParseResult result = parse_request_head(bytes, limits_, head_, scanned);
  if (result.state == ParseState::Complete) remember(bytes.substr(0, result.consumed));
  return {result, &head_, false};
}

void HeadMemo::remember(std::string_view head) {
  const uint64_t mark = mark_of(head);
  if (mark != last_mark_ || head.size() > kMostBytes) {
    last_mark_ = mark;
    return;
  }
  head.copy(known_bytes_.data(), head.size());
  size_t scanned = 0;
  const std::string_view copy(known_bytes_.data(), head.size());
  const ParseResult result = parse_request_head(copy, limits_, known_head_, scanned);
  known_size_ = result.state == ParseState::Complete ? result.consumed : 0;
}

}  // namespace sockherd::http
