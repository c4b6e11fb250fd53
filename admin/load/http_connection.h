// HttpConnection: sends the same request again and again, and reads what comes.
#pragma once

#include <string>

#include "admin/load/connection.h"
#include "admin/load/response.h"

namespace sockherd::load {

// The bytes of the request of a plan.
std::string write_request(const Plan& plan);

class HttpConnection final : public Connection {
 public:
  using Connection::Connection;

  void finish() override;

 private:
  void on_connected() override;
  bool take(std::span<char> bytes) override;
  void on_end() override;
  void on_closed() override;
  void write_message(Instant due) override;
  void flush() override;
  bool answered();
  http::Method asked() const;

  ResponseReader reader_;
  std::string rest_;     // of what came, and makes no sense yet
  uint32_t unsent_ = 0;  // requests that have not left whole
  size_t offset_ = 0;    // in the first of these
};

}  // namespace sockherd::load
