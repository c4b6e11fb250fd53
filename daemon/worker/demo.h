// The demo module: endpoints that show what the engine does, and to measure it by.
//
//   /            a page that shows which workers answer     /time    the time as a text
//   /plaintext   "Hello, World!"                            /whoami  which worker this is, as JSON
//   /10k         10 KiB of text                             /echo    POST: the body comes back
//   /cpu?n=27    a Fibonacci number, the slow way           /io?ms=5 waits without blocking
#pragma once

#include <string>
#include <string_view>

#include "daemon/worker/handler.h"
#include "daemon/worker/identity.h"

namespace sockherd::worker {

class Demo final : public Handler {
 public:
  // prefix: the path of its route.
  Demo(std::string_view prefix, const Identity& identity);

  std::unique_ptr<Job> handle(const Request& request, Exchange& exchange) override;

 private:
  using Act = std::unique_ptr<Job> (Demo::*)(const Request&, Exchange&) const;
  struct Endpoint {
    std::string_view path;
    std::string_view allow;
    Act act;
  };
  static const Endpoint* find(std::string_view path);

  std::unique_ptr<Job> page(const Request& request, Exchange& exchange) const;
  std::unique_ptr<Job> plaintext(const Request& request, Exchange& exchange) const;
  std::unique_ptr<Job> ten_kilobytes(const Request& request, Exchange& exchange) const;
  std::unique_ptr<Job> cpu(const Request& request, Exchange& exchange) const;
  std::unique_ptr<Job> io(const Request& request, Exchange& exchange) const;
  std::unique_ptr<Job> time(const Request& request, Exchange& exchange) const;
  std::unique_ptr<Job> whoami(const Request& request, Exchange& exchange) const;
  std::unique_ptr<Job> echo(const Request& request, Exchange& exchange) const;

  size_t prefix_bytes_;  // without the last slash
  std::string identity_json_;
  std::string ten_kilobytes_;
};

}  // namespace sockherd::worker
