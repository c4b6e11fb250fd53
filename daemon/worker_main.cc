// sockherd-worker: see daemon/worker/launch.h for what it is given and worker.h for what it does.
#include <cstdio>
#include <string>
#include <utility>

#include "daemon/sys/notify.h"
#include "daemon/worker/launch.h"
#include "daemon/worker/worker.h"

namespace {

// The supervisor hands the reason on to whoever asked for the reload. There is nobody else to tell
// when that fails.
void tell_why(const std::string& reason) {
  [[maybe_unused]] const auto told =
      sockherd::sys::notify("STATUS=" + reason.substr(0, reason.find('\n')));
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sockherd::worker;  // NOLINT(google-build-using-namespace): wiring only
  auto taken = take_launch({argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0)});
  if (const auto* refusal = std::get_if<Refusal>(&taken)) {
    std::fputs(refusal->text.c_str(), refusal->exit_status == 0 ? stdout : stderr);
    if (refusal->exit_status != 0) tell_why(refusal->text);
    return refusal->exit_status;
  }
  auto worker = Worker::create(std::move(*std::get_if<Launch>(&taken)));
  if (!worker.ok()) {
    std::fprintf(stderr, "sockherd-worker: %s\n", worker.error().what.c_str());
    tell_why(worker.error().what);
    return worker.error().code;
  }
  worker.value()->run();
  return 0;
}
