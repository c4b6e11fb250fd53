#include "daemon/config/report.h"

#include <algorithm>
#include <tuple>

namespace sockherd::config {

void Report::add(const std::string& path, std::string_view what) {
  add(place_of(path), path, what);
}

void Report::add(const Place& place, const std::string& path, std::string_view what) {
  const std::string subject = path.empty() ? "" : path + ": ";
  faults_.push_back({place.source, place.line, place.column, subject + std::string(what)});
  faulty_.push_back(path);
}

bool Report::has_fault(std::string_view path) const {
  return std::any_of(faulty_.begin(), faulty_.end(), [path](const std::string& faulty) {
    if (!faulty.starts_with(path)) return false;
    return faulty.size() == path.size() || faulty[path.size()] == '.' || faulty[path.size()] == '[';
  });
}

std::vector<Fault> Report::take() {
  std::stable_sort(faults_.begin(), faults_.end(), [this](const Fault& a, const Fault& b) {
    return std::tuple(a.source != file_, a.line, a.column) <
           std::tuple(b.source != file_, b.line, b.column);
  });
  return std::move(faults_);
}

Place Report::place_of(std::string_view path) const {
  while (!path.empty()) {
    const auto known = places_.find(path);
    if (known != places_.end()) return known->second;
    const size_t end = path.find_last_of(".[");
    path = path.substr(0, end == std::string_view::npos ? 0 : end);
  }
  return {file_, 0, 0};
}

}  // namespace sockherd::config
