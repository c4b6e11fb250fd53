#include "daemon/config/options.h"

#include "daemon/config/option_rows.h"

namespace sockherd::config {
namespace {

constexpr SectionInfo kSections[] = {
    {Section::Daemon, "daemon", "[daemon]", "The supervisor itself."},
    {Section::Listener, "listener", "[listener.NAME]",
     "A named address, taken over from systemd by that name (FileDescriptorName=) or bound by "
     "sockherd."},
    {Section::Pool, "pool", "[pool.NAME]",
     "Interchangeable workers of one program that serve one or more listeners."},
    {Section::Route, "routes", "routes = [{ ... }]",
     "What the built-in engine answers for the paths under one prefix; the longest prefix wins."},
    {Section::Admin, "admin", "[admin]", "The admin HTTP server: metrics, dashboard and control."},
};

}  // namespace

std::span<const Option> options() {
  static const std::vector<Option> all = [] {
    std::vector<Option> rows;
    for (const auto part : {service_rows(), route_rows(), admin_rows(), pool_rows(), work_rows(),
                            rollout_rows(), site_rows(), limit_rows(), command_rows()}) {
      rows.insert(rows.end(), part.begin(), part.end());
    }
    return rows;
  }();
  return all;
}

std::span<const SectionInfo> sections() {
  return kSections;
}

const SectionInfo& info(Section section) {
  return kSections[static_cast<size_t>(section)];
}

std::vector<const Option*> options_of(Section section) {
  std::vector<const Option*> rows;
  for (const Option& option : options())
    if (option.section == section) rows.push_back(&option);
  return rows;
}

const Option* find_option(Section section, std::string_view name) {
  for (const Option& option : options())
    if (option.section == section && option.name == name) return &option;
  return nullptr;
}

}  // namespace sockherd::config
