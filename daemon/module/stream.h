// OpenStream: content that an application makes while it is sent, and its source in the engine.
//
// The application writes into a bounded buffer, the engine reads from it as fast as the client
// takes it. Shared by both; the source's end is the client's.
#pragma once

#include <sockherd/response.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "daemon/worker/handler.h"

namespace sockherd::module {

class Application;

class OpenStream final : public app::Stream, public std::enable_shared_from_this<OpenStream> {
 public:
  static constexpr size_t kMostUnsent = size_t{64} * 1024;

  explicit OpenStream(Application& application);
  ~OpenStream() override;

  // --- app::Stream
  bool write(std::string_view bytes) override;
  void end() override;
  bool is_open() const override { return !is_closed_ && !has_ended_; }
  size_t unsent() const override { return buffer_.size() - sent_; }
  void on_writable(std::function<void()> call) override { on_writable_ = std::move(call); }
  void on_close(std::function<void()> call) override { on_close_ = std::move(call); }

  // The engine reads, and has not begun to wait for more.
  worker::Source::Piece read(std::span<char> room);
  void set_exchange(worker::Exchange& exchange) { exchange_ = &exchange; }
  void close();

 private:
  void wake();

  Application& application_;
  std::string buffer_;
  size_t sent_ = 0;
  worker::Exchange* exchange_ = nullptr;  // while the answer is under way
  bool waits_ = false;                    // the engine, for more
  bool has_ended_ = false;
  bool is_closed_ = false;
  bool was_refused_ = false;
  std::function<void()> on_writable_;
  std::function<void()> on_close_;
};

class StreamSource final : public worker::Source {
 public:
  explicit StreamSource(std::shared_ptr<OpenStream> stream) : stream_(std::move(stream)) {}
  StreamSource(const StreamSource&) = delete;
  StreamSource& operator=(const StreamSource&) = delete;
  ~StreamSource() override { stream_->close(); }

  // Before it is given to the engine.
  void set_exchange(worker::Exchange& exchange) { stream_->set_exchange(exchange); }
  Piece read(std::span<char> room) override { return stream_->read(room); }

 private:
  std::shared_ptr<OpenStream> stream_;
};

}  // namespace sockherd::module
