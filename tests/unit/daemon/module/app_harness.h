// An application in the engine's harness: its setup is the test's, below "/app".
#pragma once

#include <sockherd/app.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/module/application.h"
#include "daemon/module/blocking_pool.h"
#include "tests/unit/daemon/worker/harness.h"

namespace sockherd::module {

using app::App;
using app::Request;
using app::Response;

struct AppHarness {
  explicit AppHarness(std::function<void(App&)> setup, BlockingPool::Settings settings = {2, 2})
      : pool(std::make_unique<BlockingPool>(settings)) {
    Application::Settings made{.name = "test",
                               .prefix = "/app",
                               .identity = {"web", 3, 7, 4242},
                               .setup = std::move(setup),
                               .pool = pool.get(),
                               .queue_timeout = std::chrono::seconds(5),
                               .request_timeout = std::chrono::seconds(30)};
    auto application = std::make_unique<Application>(std::move(made));
    started = application->start(engine.service());
    handler = application.get();
    engine.router().add("/app", std::move(application));
  }
  // What runs in the pool uses what the engine owns.
  ~AppHarness() { pool.reset(); }

  std::string get(std::string_view path, std::string_view fields = "") {
    return engine.get("/app" + std::string(path), fields);
  }
  std::string send(std::string_view method, std::string_view path, std::string_view fields = "",
                   std::string_view body = "") {
    worker::Client client = engine.connect();
    return engine.exchange(client, message(method, path, fields, body));
  }
  static std::string message(std::string_view method, std::string_view path,
                             std::string_view fields = "", std::string_view body = "") {
    std::string text =
        std::string(method) + " /app" + std::string(path) + " HTTP/1.1\r\nHost: h\r\n";
    text += fields;
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + std::string(body);
  }
  // Turns the loop until something has come for this client: another thread is at work.
  std::string await(worker::Client& client) {
    for (int i = 0; i < 1000; ++i) {
      const std::string text = client.read();
      if (!text.empty()) return text;
      engine.loop().turn(engine.loop().now() + std::chrono::seconds(10));
    }
    return "";
  }
  uint64_t count(stats::Count what) const { return engine.count(what); }

  worker::Harness engine;
  std::unique_ptr<BlockingPool> pool;
  Result<void> started;
  Application* handler = nullptr;
};

// The last line of an answer, or all of its content.
inline std::string content_of(const std::string& answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "(no answer)" : answer.substr(end + 4);
}

}  // namespace sockherd::module
