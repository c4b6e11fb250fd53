#include "daemon/supervisor/fd_store.h"

#include "daemon/base/log.h"
#include "daemon/base/parse.h"
#include "daemon/sys/notify.h"

namespace sockherd::supervisor {
namespace {

struct Form {
  Kept kind;
  std::string_view prefix;
  bool has_number;
  bool has_name;
};

constexpr Form kForms[] = {
    {Kept::Slot, "sockherd.slot.", true, true},
    {Kept::Worker, "sockherd.worker.", true, false},
    {Kept::Control, "sockherd.control.", true, false},
    {Kept::Notify, "sockherd.notify.", true, false},
    {Kept::Output, "sockherd.output.", true, false},
    {Kept::Statistics, "sockherd.stats.", false, true},
    {Kept::Config, "sockherd.config.", true, false},
    {Kept::Balance, "sockherd.bpf.", true, true},
    {Kept::Bus, "sockherd.bus.", false, true},
    {Kept::Bell, "sockherd.bell.", false, true},
    {Kept::Binds, "sockherd.binds.", true, false},
    {Kept::Upstream, "sockherd.upstream.", false, true},
    {Kept::UpstreamBell, "sockherd.upbell.", false, true},
};

}  // namespace

std::string KeptName::text() const {
  const Form& form = kForms[static_cast<size_t>(kind)];
  std::string text(form.prefix);
  if (form.has_number) text += std::to_string(number);
  if (form.has_number && form.has_name) text += '.';
  return text + name;
}

std::optional<KeptName> KeptName::parse(std::string_view text) {
  for (const Form& form : kForms) {
    if (!text.starts_with(form.prefix)) continue;
    std::string_view rest = text.substr(form.prefix.size());
    KeptName parsed{.kind = form.kind};
    if (form.has_number) {
      const size_t end = form.has_name ? rest.find('.') : rest.size();
      const auto number = parse_number<uint64_t>(rest.substr(0, end));
      if (!number || end == std::string_view::npos) return std::nullopt;
      parsed.number = *number;
      rest.remove_prefix(form.has_name ? end + 1 : end);
    }
    if (form.has_name == rest.empty()) return std::nullopt;
    parsed.name = rest;
    return parsed;
  }
  return std::nullopt;
}

void FdStore::keep(const KeptName& name, int fd) {
  if (!sys::has_manager()) return;
  std::string message = "FDSTORE=1\nFDNAME=" + name.text();
  // A table always polls as an error, and would be thrown out for it at once (measured). A pipe
  // does when its last writer is gone, with the last words of that still in it.
  if (name.kind == Kept::Balance || name.kind == Kept::Output) message += "\nFDPOLL=0";
  const auto sent = sys::notify_with_fd(message, fd);
  if (sent.ok() || failures_++ > 0) return;
  // It is likely to fail for all; said once.
  log::warn("fd-store-failed", {{"name", name.text()}, {"error", sent.error().what}});
}

void FdStore::forget(const KeptName& name) {
  forget(name.text());
}

void FdStore::forget(const std::string& name) {
  // A failure leaves a descriptor too much with the manager, which the next start removes.
  [[maybe_unused]] const auto sent = sys::notify("FDSTOREREMOVE=1\nFDNAME=" + name);
}

}  // namespace sockherd::supervisor
