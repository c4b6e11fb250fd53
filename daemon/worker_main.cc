// sockherd-worker: see daemon/worker/launch.h for what it is given and worker.h for what it does.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/module/host.h"
#include "daemon/sys/notify.h"
#include "daemon/worker/launch.h"
#include "daemon/worker/queue_relay.h"
#include "daemon/worker/worker.h"

namespace {

// The supervisor hands the reason on to whoever asked for the reload. There is nobody else to tell
// when that fails.
void tell_why(const std::string& reason) {
  [[maybe_unused]] const auto told =
      sockherd::sys::notify("STATUS=" + reason.substr(0, reason.find('\n')));
}

// The sockets are passed as 3 and 4.
int relay(const char* to) {
  using namespace sockherd;  // NOLINT(google-build-using-namespace): wiring only
  auto address = sys::SocketAddress::parse(to);
  auto made = address.ok() ? worker::QueueRelay::create(UniqueFd(3), address.value(), UniqueFd(4))
                           : Result<std::unique_ptr<worker::QueueRelay>>(address.error());
  if (!made.ok()) {
    std::fprintf(stderr, "sockherd-worker: relay: %s\n", made.error().what.c_str());
    return worker::kExitUsage;
  }
  made.value()->run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sockherd::worker;  // NOLINT(google-build-using-namespace): wiring only
  if (argc == 3 && std::string_view(argv[1]) == "--relay") return relay(argv[2]);
  auto taken = take_launch({argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0)});
  if (const auto* refusal = std::get_if<Refusal>(&taken)) {
    std::fputs(refusal->text.c_str(), refusal->exit_status == 0 ? stdout : stderr);
    if (refusal->exit_status != 0) tell_why(refusal->text);
    return refusal->exit_status;
  }
  auto& launch = *std::get_if<Launch>(&taken);
  sockherd::module::Host modules(launch.pool);
  auto worker = Worker::create(std::move(launch), modules);
  if (!worker.ok()) {
    std::fprintf(stderr, "sockherd-worker: %s\n", worker.error().what.c_str());
    tell_why(worker.error().what);
    return worker.error().code;
  }
  // Handlers that may wait run on; cut off, they are not waited for.
  if (!worker.value()->run() && modules.is_busy()) std::_Exit(0);
  return 0;
}
