#include "daemon/supervisor/journal.h"

#include <vector>

#include "daemon/base/assert.h"
#include "daemon/base/parse.h"
#include "daemon/supervisor/event_table.h"
#include "daemon/supervisor/plain_text.h"

namespace sockherd::supervisor {
namespace {

constexpr size_t kMostDetailBytes = 500;
constexpr size_t kMostNameBytes = 200;

}  // namespace

void log_transition(const fleet::Happened& happened, pid_t pid) {
  const EventInfo& event = event_of(happened.what);
  std::vector<log::Fact> facts;
  if (!happened.pool.empty()) facts.emplace_back("pool", happened.pool);
  if (happened.id != 0 || happened.what == fleet::What::SlotLent) {
    facts.emplace_back("slot", happened.slot);
  }
  if (happened.generation != 0) facts.emplace_back("generation", happened.generation);
  if (pid != 0) facts.emplace_back("pid", pid);
  if (!happened.detail.empty()) facts.emplace_back("detail", happened.detail);
  log::write(event.level, event.name, facts);
}

void log_worker(std::string_view name, const fleet::Worker& worker, pid_t pid) {
  const EventInfo* event = find_event(name);
  SH_ASSERT(event != nullptr);
  const log::Fact facts[] = {{"pool", worker.pool},
                             {"slot", worker.slot},
                             {"generation", worker.generation},
                             {"pid", pid}};
  log::write(event->level, event->name, facts);
}

std::optional<Event> event_of_line(log::Level level, std::string_view name,
                                   std::span<const log::Fact> facts, double unix_time) {
  const EventInfo* info = find_event(name);
  if (info == nullptr) return std::nullopt;
  Event event{.time_us = static_cast<int64_t>(unix_time * 1e6),
              .name = info->name,
              .level = log::level_name(level)};
  std::vector<log::Fact> rest;
  for (const log::Fact& fact : facts) {
    if (fact.key == "pool") {
      event.pool = plain_text(fact.value, kMostNameBytes);
    } else if (fact.key == "slot") {
      event.slot = parse_number<uint32_t>(fact.value);
    } else if (fact.key == "generation") {
      event.generation = parse_number<uint64_t>(fact.value).value_or(0);
    } else if (fact.key == "pid") {
      event.pid = parse_number<int64_t>(fact.value).value_or(0);
    } else {
      rest.push_back(fact);
    }
  }
  // A detail that stands alone speaks for itself.
  const bool is_alone = rest.size() == 1 && rest[0].key == "detail";
  std::string detail = is_alone ? rest[0].value : log::format("", rest);
  if (detail.starts_with(' ')) detail.erase(0, 1);
  event.detail = plain_text(detail, kMostDetailBytes);
  return event;
}

}  // namespace sockherd::supervisor
