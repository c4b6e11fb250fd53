// Handlers that wait, for tests (/gate) and for what is measured (tests/bench/peers/blocking.py).
// All but /plaintext run on the bounded pool.
//
//   /gate?fifo=PATH   waits until somebody writes a byte into that FIFO
#include <fcntl.h>
#include <sockherd/app.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

namespace {

using sockherd::app::kBlocking;
using sockherd::app::Request;
using sockherd::app::Response;

constexpr const char* kPlaintext = "Hello, World!";

// Without recursion being unrolled into something else, it is what the Ruby beside it does.
[[gnu::noinline]] unsigned fibonacci(unsigned n) {  // NOLINT(misc-no-recursion)
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

std::chrono::nanoseconds thread_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

void cpu(Request& /*request*/, Response& response) {
  volatile unsigned n = 23;  // or the compiler would know the answer
  if (fibonacci(n) != 28657) return response.fail(500);
  response.text(kPlaintext);
}

void burn(Request& /*request*/, Response& response) {
  const auto end = thread_time() + std::chrono::milliseconds(2);
  while (thread_time() < end) {
  }
  response.text(kPlaintext);
}

void io(Request& /*request*/, Response& response) {
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  response.text(kPlaintext);
}

void gate(Request& request, Response& response) {
  const std::string path(request.query("fifo").value_or(""));
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  char byte = 0;
  const bool passed = fd >= 0 && read(fd, &byte, 1) == 1;
  if (fd >= 0) close(fd);
  if (!passed) return response.fail(500);
  response.text(kPlaintext);
}

}  // namespace

SOCKHERD_APP(app) {
  app.get("/plaintext", [](Request&, Response& response) { response.text(kPlaintext); });
  app.get("/cpu", cpu, kBlocking);
  app.get("/burn", burn, kBlocking);
  app.get("/io", io, kBlocking);
  app.get("/gate", gate, kBlocking);
}
