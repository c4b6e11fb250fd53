#include "daemon/module/stream.h"

#include <algorithm>
#include <cstring>

#include "daemon/module/application.h"

namespace sockherd::module {

OpenStream::OpenStream(Application& application) : application_(application) {}
OpenStream::~OpenStream() = default;

bool OpenStream::write(std::string_view bytes) {
  if (!is_open()) return false;
  if (unsent() > 0 && unsent() + bytes.size() > kMostUnsent) {
    was_refused_ = true;
    return false;
  }
  buffer_ += bytes;
  wake();
  return true;
}

void OpenStream::end() {
  if (!is_open()) return;
  has_ended_ = true;
  wake();
}

// Not from within: the engine may read at once, answer what is behind it, and call somebody.
void OpenStream::wake() {
  if (!std::exchange(waits_, false)) return;
  application_.schedule([self = shared_from_this()] {
    if (self->exchange_ != nullptr) self->exchange_->content_ready();
  });
}

worker::Source::Piece OpenStream::read(std::span<char> room) {
  using State = worker::Source::State;
  const size_t bytes = std::min(room.size(), unsent());
  std::memcpy(room.data(), buffer_.data() + sent_, bytes);
  sent_ += bytes;
  if (unsent() == 0) {
    buffer_.clear();
    sent_ = 0;
  }
  if (was_refused_ && unsent() < kMostUnsent / 2) {
    was_refused_ = false;
    application_.schedule([self = shared_from_this()] {
      if (self->on_writable_ && self->is_open()) self->on_writable_();
    });
  }
  if (unsent() > 0) return {bytes, State::More};
  if (has_ended_) return {bytes, State::Ended};
  waits_ = true;
  return {bytes, State::Waiting};
}

// The callbacks may hold this stream themselves: so they are let go of.
void OpenStream::close() {
  if (std::exchange(is_closed_, true)) return;
  exchange_ = nullptr;
  std::function<void()> call = std::move(on_close_);
  on_close_ = nullptr;
  const bool was_cut_off = !has_ended_ || unsent() > 0;
  application_.schedule([self = shared_from_this(), call = std::move(call), was_cut_off] {
    self->on_writable_ = nullptr;
    if (call && was_cut_off) call();
  });
}

}  // namespace sockherd::module
