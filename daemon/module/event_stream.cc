#include "daemon/module/event_stream.h"

#include <stdexcept>

#include "daemon/http/event_stream.h"
#include "daemon/module/application.h"

namespace sockherd::module {

std::shared_ptr<OpenEventStream> OpenEventStream::create(Application& application,
                                                         std::shared_ptr<OpenStream> stream,
                                                         std::string last_event_id,
                                                         std::chrono::milliseconds heartbeat) {
  const std::weak_ptr<OpenStream> weak = stream;
  application.end_at_drain(weak);
  auto events = std::make_shared<OpenEventStream>(std::move(stream), std::move(last_event_id));
  if (heartbeat <= std::chrono::milliseconds(0)) return events;
  events->heartbeat_ = application.start_timer(heartbeat, heartbeat, [weak] {
    const std::shared_ptr<OpenStream> open = weak.lock();
    if (open != nullptr && open->unsent() == 0) open->write(http::kStreamHeartbeat);
  });
  return events;
}

// Nobody can send any more.
OpenEventStream::~OpenEventStream() {
  if (heartbeat_ != nullptr) heartbeat_->cancel();
  stream_->end();
}

bool OpenEventStream::send(const app::Event& event) {
  http::StreamEvent one{.data = event.data, .event = event.event, .id = event.id, .retry_ms = {}};
  if (event.retry) one.retry_ms = event.retry->count();
  if (!http::is_stream_event(one)) {
    throw std::invalid_argument("the name or id of an event is more than one line");
  }
  return stream_->write(http::write_stream_event(one));
}

}  // namespace sockherd::module
