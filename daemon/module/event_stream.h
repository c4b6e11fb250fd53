// OpenEventStream: Server-Sent Events over a stream, with its heartbeat. Ends when the worker
// drains: browsers come back by themselves, to another one.
#pragma once

#include <sockherd/app.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "daemon/module/stream.h"

namespace sockherd::module {

class OpenEventStream final : public app::EventStream {
 public:
  static std::shared_ptr<OpenEventStream> create(Application& application,
                                                 std::shared_ptr<OpenStream> stream,
                                                 std::string last_event_id,
                                                 std::chrono::milliseconds heartbeat);
  OpenEventStream(std::shared_ptr<OpenStream> stream, std::string last_event_id)
      : stream_(std::move(stream)), last_event_id_(std::move(last_event_id)) {}
  ~OpenEventStream() override;

  using app::EventStream::send;
  bool send(const app::Event& event) override;
  void end() override { stream_->end(); }
  bool is_open() const override { return stream_->is_open(); }
  void on_close(std::function<void()> call) override { stream_->on_close(std::move(call)); }
  std::string_view last_event_id() const override { return last_event_id_; }

 private:
  std::shared_ptr<OpenStream> stream_;
  std::string last_event_id_;
  std::shared_ptr<app::Timer> heartbeat_;
};

}  // namespace sockherd::module
