// sockherd-worker: see daemon/worker/launch.h for what it is given and worker.h for what it does.
#include <cstdio>
#include <utility>

#include "daemon/worker/launch.h"
#include "daemon/worker/worker.h"

int main(int argc, char** argv) {
  using namespace sockherd::worker;  // NOLINT(google-build-using-namespace): wiring only
  auto taken = take_launch({argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0)});
  if (const auto* refusal = std::get_if<Refusal>(&taken)) {
    std::fputs(refusal->text.c_str(), refusal->exit_status == 0 ? stdout : stderr);
    return refusal->exit_status;
  }
  auto worker = Worker::create(std::move(*std::get_if<Launch>(&taken)));
  if (!worker.ok()) {
    std::fprintf(stderr, "sockherd-worker: %s\n", worker.error().what.c_str());
    return worker.error().code;
  }
  worker.value()->run();
  return 0;
}
