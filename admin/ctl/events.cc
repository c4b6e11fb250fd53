// The verb events: what has happened, once or for as long as somebody reads.
#include <poll.h>
#include <unistd.h>

#include "admin/ctl/actions.h"
#include "admin/ctl/control.h"
#include "admin/ctl/exit_code.h"
#include "admin/ctl/json.h"
#include "admin/ctl/views.h"
#include "daemon/base/clock.h"
#include "daemon/base/parse.h"

namespace sockherd::ctl {
namespace {

constexpr std::chrono::milliseconds kInterval(500);
constexpr uint32_t kUsual = 20;
constexpr uint32_t kMost = 1000;

struct Wish {
  uint64_t since = 0;
  uint32_t limit = kUsual;
};

template <typename Number>
Result<Number> number_of(const Request& request, const std::string& flag, Number fallback) {
  const auto given = request.values.find(flag);
  if (given == request.values.end()) return fallback;
  const auto number = parse_number<Number>(given->second);
  if (number) return *number;
  return failure(Exit::Usage, flag + " must be a number, is \"" + printable(given->second) + "\"");
}

Result<Wish> wish_of(const Request& request) {
  const uint64_t since = TRY(number_of<uint64_t>(request, "--since", 0));
  const uint32_t limit = TRY(number_of<uint32_t>(request, "--limit", kUsual));
  if (limit < 1 || limit > kMost) {
    return failure(Exit::Usage, "--limit must be 1 to " + std::to_string(kMost));
  }
  return Wish{since, limit};
}

std::string lost_remark(uint64_t lost) {
  return lost == 0 ? "" : counted(lost, "event") + " of these are not kept any more\n";
}

// Waits for the next look; false when whoever reads us has gone.
bool wait_for_reader() {
  pollfd out{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  ::poll(&out, 1, static_cast<int>(kInterval.count()));
  return (out.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

// Looks again and again. The numbers go on in the next supervisor, so a restart of the daemon is
// only a pause; one that lasts longer than the time-out is an end.
Result<void> follow(Control control, Control::Events page, const Request& request, Answer& answer) {
  Instant seen = monotonic_now();
  Result<Control> connection = std::move(control);
  while (true) {
    answer.remarks += lost_remark(page.lost);
    if (request.json) {
      for (const bus::Dictionary& event : page.events) answer.data += dump_line(to_json(event));
    } else {
      answer.data += view_events(page.events, request.palette);
    }
    const bool is_all = page.events.size() < kMost;
    if (!answer.flush(answer) || (is_all && !wait_for_reader())) return {};
    page.events.clear();
    page.lost = 0;
    if (!connection.ok()) connection = Control::open(request);
    Result<Control::Events> more = connection.ok() ? connection.value().events(page.next, kMost)
                                                   : Result<Control::Events>(connection.error());
    if (more.ok()) {
      page = std::move(more).value();
      seen = monotonic_now();
      continue;
    }
    const bool is_away = more.error().code == static_cast<int>(Exit::Unreachable);
    if (!is_away || monotonic_now() - seen > request.timeout) return more.error();
    connection = more.error();
  }
}

}  // namespace

Result<void> show_events(const Request& request, Answer& answer) {
  const Wish wish = TRY(wish_of(request));
  Control control = TRY(Control::open(request));
  Control::Events page = TRY(control.events(wish.since, wish.limit));
  if (request.has("--follow")) return follow(std::move(control), std::move(page), request, answer);
  answer.remarks = request.json ? "" : lost_remark(page.lost);
  answer.data =
      request.json
          ? dump({{"events", to_json(page.events)}, {"next", page.next}, {"lost", page.lost}})
          : view_events(page.events, request.palette);
  return {};
}

}  // namespace sockherd::ctl
