// RequestJob: a request that is not answered within the engine's call: its body is still coming, a
// blocking thread has it, or its handler has kept the response.
#pragma once

#include <memory>
#include <string>

#include "daemon/io/timer_wheel.h"
#include "daemon/module/blocking_request.h"
#include "daemon/module/call.h"
#include "daemon/worker/handler.h"

namespace sockherd::module {

class Application;

class RequestJob final : public worker::Job, private io::Timer {
 public:
  RequestJob(Application& application, worker::Exchange& exchange);
  ~RequestJob() override;

  // Collects the body; then begin(). Requires: the call is owned. False: answered with an error.
  bool await_body(std::shared_ptr<Call> call);
  // The handler has kept it.
  void await_send(Call& call) { call.set_wire(wire_); }
  // Hands it to a blocking thread. False: there is no room, and it is answered.
  bool begin_blocking(std::shared_ptr<Call> call);

  // --- worker::Job
  void on_body(std::string_view piece) override;
  void on_body_end() override;

 private:
  void on_due(Instant now) override;
  void refuse(int status, std::string_view text);

  Application& application_;
  worker::Exchange& exchange_;
  std::shared_ptr<Wire> wire_;
  std::shared_ptr<Call> call_;  // while the body comes
  std::string body_;
  std::unique_ptr<MultipartForm> form_;
  std::shared_ptr<BlockingRequest> task_;
  Instant queued_at_;
};

}  // namespace sockherd::module
