#include "daemon/worker/demo_page.h"

namespace sockherd::worker {

std::string_view demo_page() {
  return "<!doctype html><title>sockherd</title>";
}

}  // namespace sockherd::worker
