// `sockherdctl unit`: prints a socket unit, or a drop-in for the one that is there.
#include "admin/ctl/actions.h"
#include "admin/ctl/exit_code.h"
#include "admin/ctl/json.h"
#include "admin/ctl/unit_file.h"
#include "daemon/base/bounds.h"
#include "daemon/base/parse.h"

namespace sockherd::ctl {
namespace {

std::string value_of(const Request& request, const char* flag, const char* fallback) {
  const auto found = request.values.find(flag);
  return found == request.values.end() ? fallback : found->second;
}

}  // namespace

Result<void> print_unit(const Request& request, Answer& answer) {
  const std::string text = value_of(request, "--slots", "1");
  const auto slots = parse_number<uint32_t>(text);
  if (!slots || *slots == 0 || *slots > kMostSockets) {
    return failure(Exit::Usage, "--slots must be a number from 1 to " +
                                    std::to_string(kMostSockets) + ", is \"" + printable(text) +
                                    "\"");
  }
  const std::string address = value_of(request, "--address", "");
  if (address.empty()) {
    return failure(Exit::Usage,
                   "--address is missing: a port such as 443, HOST:PORT or unix:/PATH");
  }
  const UnitFile file = TRY(unit_file({value_of(request, "--listener", "web"), address, *slots,
                                       request.instance, request.has("--drop-in")}));
  answer.data = request.json
                    ? dump({{"path", file.path}, {"apply", file.apply}, {"text", file.text}})
                    : file.text;
  return {};
}

}  // namespace sockherd::ctl
