#include "admin/ctl/actions.h"
#include "admin/ctl/control.h"
#include "admin/ctl/exit_code.h"
#include "admin/ctl/json.h"
#include "daemon/base/parse.h"

namespace sockherd::ctl {
namespace {

// Says how a reload or restart went; `what` is the subject, "reload".
Result<void> report(const bus::Outcome& outcome, const Request& request, const std::string& what,
                    Answer& answer) {
  if (request.json)
    answer.data = dump({{"ok", outcome.ok},
                        {"seconds", outcome.seconds},
                        {"reasons", outcome.reasons},
                        {"failure", outcome.failure}});
  else if (outcome.ok)
    answer.data = what + ": done in " + human_duration(outcome.seconds) + "\n";
  if (outcome.ok) return {};
  for (const std::string& reason : outcome.reasons) answer.remarks += printable(reason) + "\n";
  if (outcome.failure == bus::kFailedConfiguration) {
    return failure(Exit::BadConfig, what + " refused; nothing has changed");
  }
  return failure(Exit::Failed, what + " failed; the workers that were there serve on");
}

}  // namespace

Result<void> scale(const Request& request, Answer& answer) {
  const std::string pool = request.argument("POOL");
  const auto count = parse_number<uint32_t>(request.argument("N"));
  if (!count)
    return failure(Exit::Usage, "N must be a number of workers, is \"" +
                                    printable(request.argument("N")) + "\"");
  Control control = TRY(Control::open(request));
  const uint32_t before = TRY(control.set_workers(pool, *count));
  if (request.json)
    answer.data = dump({{"pool", pool}, {"before", before}, {"after", *count}});
  else if (before == *count)
    answer.data = "pool " + pool + ": has " + counted(*count, "worker") + " already\n";
  else
    answer.data =
        "pool " + pool + ": " + std::to_string(before) + " → " + counted(*count, "worker") + "\n";
  return {};
}

Result<void> reload(const Request& request, Answer& answer) {
  if (request.has("--wait") && request.has("--no-wait"))
    return failure(Exit::Usage, "--wait and --no-wait exclude each other; leave one away");
  Control control = TRY(Control::open(request));
  if (!request.has("--no-wait")) return report(TRY(control.reload()), request, "reload", answer);
  const std::optional<bus::Outcome> outcome = TRY(control.start_reload());
  if (outcome) return report(*outcome, request, "reload", answer);
  answer.data = request.json ? dump({{"started", true}})
                             : "reload: started; `sockherdctl status` tells how it went\n";
  return {};
}

Result<void> restart(const Request& request, Answer& answer) {
  const std::string pool = request.argument("POOL");
  const std::string slot = request.argument("SLOT");
  const auto number = slot.empty() ? -1 : parse_number<int32_t>(slot);
  if (!number || (!slot.empty() && *number < 0))
    return failure(Exit::Usage, "SLOT must be a number from 0, is \"" + printable(slot) + "\"");
  Control control = TRY(Control::open(request));
  const std::string what = "restart of pool " + pool + (slot.empty() ? "" : ", slot " + slot);
  return report(TRY(control.restart(pool, *number)), request, what, answer);
}

}  // namespace sockherd::ctl
