// What tests want of a module: to crash, to wait, to say who it is.
#include <signal.h>
#include <sockherd/app.h>

#include <chrono>
#include <thread>

SOCKHERD_APP(app) {
  using namespace sockherd::app;

  const std::string who = std::to_string(app.worker().pid) + "\n";
  app.get("/who", [who](Request&, Response& response) { response.text(who); });
  app.get("/client", [](Request& request, Response& response) {
    response.text(std::string(request.client()));
  });
  app.get("/crash", [](Request&, Response&) { ::raise(SIGSEGV); });
  app.get("/throw", [](Request&, Response&) { throw std::runtime_error("a secret"); });
  app.get("/hello/:name", [](Request& request, Response& response) {
    response.text("Hello, " + std::string(request.param("name")) + "!\n");
  });
  app.get(
      "/wait/:ms",
      [](Request& request, Response& response) {
        const int ms = std::stoi(std::string(request.param("ms")));
        std::this_thread::sleep_for(std::chrono::milliseconds(ms));
        response.text("waited\n");
      },
      kBlocking);
}
