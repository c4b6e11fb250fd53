// The probes. Machines look at the status only; the text is for people.
#include "admin/api/handlers.h"
#include "admin/api/problem.h"

namespace sockherd::api {
namespace {

constexpr std::chrono::seconds kProbeTimeout{2};

Answer plain(int status, std::string text) {
  return {status, "text/plain; charset=utf-8", std::move(text), {}};
}

std::string verbose_text(const bus::Dictionary& status, bool ready) {
  std::string text = "[+] admin ok\n[+] supervisor ok\n";
  text += ready ? "[+] pools ready\n" : "[-] pools not ready\n";
  text += "state: " + status.text("state") + "\n";
  return text + (ready ? "readyz: ok\n" : "readyz: not ready\n");
}

Answer render_readyz(const bus::Reply& reply, bool verbose) {
  if (!reply.ok()) return plain(503, "not ready: the supervisor does not answer\n");
  const auto status = bus::read_dictionary(reply.message);
  if (!status.ok()) return plain(503, "not ready: " + status.error().what + "\n");
  const bool ready = status.value().boolean("ready");
  if (verbose) return plain(ready ? 200 : 503, verbose_text(status.value(), ready));
  return ready ? plain(200, "ok\n")
               : plain(503, "not ready: " + status.value().text("state", "unknown") + "\n");
}

}  // namespace

Outcome livez(const Context& context) {
  return context.supervisor_connected ? plain(200, "ok\n") : plain(503, "the supervisor is gone\n");
}

Outcome readyz(const Context& context) {
  const bool verbose = query_value(context.request.query, "verbose").data() != nullptr;
  return Call{
      .method = "GetStatus",
      .arguments = {},
      .timeout = kProbeTimeout,
      .render = [verbose](const bus::Reply& reply) { return render_readyz(reply, verbose); }};
}

}  // namespace sockherd::api
