// A module whose routes make no sense.
#include <sockherd/app.h>

SOCKHERD_APP(app) {
  app.get("no-slash", [](sockherd::app::Request&, sockherd::app::Response&) {});
}
