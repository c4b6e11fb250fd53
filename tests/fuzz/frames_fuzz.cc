// The input is what a client sends on a WebSocket. Whatever it is: the same messages however it is
// cut, nothing kept beyond the bound, and text only that is UTF-8. The first byte says what was
// agreed on.
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/base/assert.h"
#include "daemon/websocket/close.h"
#include "daemon/websocket/receiver.h"
#include "daemon/websocket/utf8.h"

namespace {

using namespace sockherd::websocket;
using Event = Receiver::Event;

constexpr uint64_t kMost = 300;

struct Reading {
  explicit Reading(const Receiver::Terms& terms) : receiver(terms) {}

  Receiver receiver;
  std::string said;
  std::string held;
  bool is_over = false;

  void feed(std::string_view text) {
    if (is_over) return;
    held += text;
    for (;;) {
      // In memory of its own, so that a look beyond its end is seen.
      const std::unique_ptr<char[]> copy(new char[held.size()]);
      if (!held.empty()) std::memcpy(copy.get(), held.data(), held.size());
      const Receiver::Step step = receiver.read({copy.get(), held.size()});
      SH_ASSERT(step.consumed <= held.size());
      SH_ASSERT(receiver.kept_bytes() <= kMost);
      note(step);
      held.erase(0, step.consumed);
      if (is_over || held.empty() || (step.event == Event::None && step.consumed == 0)) break;
    }
    SH_ASSERT(is_over || held.size() < kMaxFrameHead + kMaxControlPayload);
  }

  void note(const Receiver::Step& step) {
    if (step.event == Event::None) return;
    if (step.event == Event::Message) {
      SH_ASSERT(step.payload.size() <= kMost);
      SH_ASSERT(step.kind != Kind::Text || step.is_compressed || is_utf8(step.payload));
      SH_ASSERT(receiver.is_idle());
    } else {
      SH_ASSERT(step.payload.size() <= kMaxControlPayload);
    }
    is_over = step.event == Event::Close || step.event == Event::Failed;
    if (is_over) {
      SH_ASSERT(step.code == close_code::kNone || may_be_sent(step.code));
      SH_ASSERT(is_utf8(step.reason));
    }
    said += std::to_string(static_cast<int>(step.event)) + " " +
            std::to_string(static_cast<int>(step.kind)) + " " +
            std::to_string(static_cast<int>(step.is_compressed)) + " " + std::to_string(step.code) +
            " " + std::string(step.reason) + " ";
    said += step.payload;
    said += '\n';
  }
};

void check_same(const Reading& a, const Reading& b) {
  SH_ASSERT(a.said == b.said);
  SH_ASSERT(a.is_over == b.is_over);
  SH_ASSERT(a.held == b.held || a.is_over);
  SH_ASSERT(a.receiver.is_idle() == b.receiver.is_idle() || a.is_over);
}

// A head that was read is written as it was.
void check_head(std::string_view bytes, const Receiver::Terms& terms) {
  FrameHead head;
  const FrameParse parse = parse_frame_head(bytes, terms.role, terms.extension, head);
  if (parse.state != FrameParse::State::Complete) return;
  std::array<char, kMaxFrameHead> room{};
  SH_ASSERT(write_frame_head(head, room) == parse.bytes);
  SH_ASSERT(bytes.starts_with(std::string_view(room.data(), parse.bytes)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Receiver::Terms terms{
      .role = (data[0] & 1) == 0 ? Role::Server : Role::Client,
      .extension = (data[0] & 2) == 0 ? Extension::None : Extension::Deflate,
      .max_message_bytes = kMost};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_head(bytes, terms);
  Reading whole(terms);
  whole.feed(bytes);

  Reading bytewise(terms);
  for (size_t i = 0; i < bytes.size(); ++i) bytewise.feed(bytes.substr(i, 1));
  check_same(bytewise, whole);

  const size_t stride = bytes.size() / 8 + 1;
  for (size_t cut = bytes.size() % stride; cut < bytes.size(); cut += stride) {
    Reading two(terms);
    two.feed(bytes.substr(0, cut));
    two.feed(bytes.substr(cut));
    check_same(two, whole);
  }
  return 0;
}
