#include "daemon/supervisor/journal.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <vector>

#include "daemon/base/assert.h"
#include "daemon/base/parse.h"
#include "daemon/contract/names.h"
#include "daemon/supervisor/event_table.h"
#include "daemon/supervisor/plain_text.h"
#include "daemon/sys/journal_socket.h"

namespace sockherd::supervisor {
namespace {

constexpr size_t kMostDetailBytes = 500;
constexpr size_t kMostNameBytes = 200;
constexpr size_t kMostFieldBytes = 16384;

struct Field {
  std::string_view fact;
  const char* name;
};
constexpr Field kFields[] = {
    {"pool", contract::kPoolVariable},
    {"slot", contract::kSlotVariable},
    {"generation", contract::kGenerationVariable},
    {"pid", "OBJECT_PID"},  // the journal adds what it knows of the process
    {"detail", "SOCKHERD_DETAIL"},
    {"reason", "SOCKHERD_DETAIL"},
    {"error", "SOCKHERD_DETAIL"},
    {"why", "SOCKHERD_DETAIL"},
    {"what", "SOCKHERD_WHAT"},
    {"by", "SOCKHERD_BY"},
    {"listener", "SOCKHERD_LISTENER"},
};

// A value is one line: the protocol has another form for more, which we have no use for.
void append_field(std::string& entry, std::string_view name, std::string_view value) {
  entry += name;
  entry += '=';
  entry += plain_text(value, kMostFieldBytes);
  entry += '\n';
}

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

std::string journal_entry(log::Level level, std::string_view name,
                          std::span<const log::Fact> facts) {
  std::string entry;
  append_field(entry, "MESSAGE", log::format(name, facts));
  append_field(entry, "PRIORITY", std::to_string(static_cast<int>(level)));
  append_field(entry, "SYSLOG_IDENTIFIER", "sockherd");
  append_field(entry, "SOCKHERD_EVENT", name);
  if (const EventInfo* info = find_event(name)) append_field(entry, "MESSAGE_ID", info->id);
  for (const log::Fact& fact : facts) {
    const auto* field = std::find_if(std::begin(kFields), std::end(kFields),
                                     [&fact](const Field& f) { return f.fact == fact.key; });
    if (field != std::end(kFields)) append_field(entry, field->name, fact.value);
  }
  return entry;
}

void log_with_fields() {
  if (!log::is_to_journal()) return;
  auto journal = sys::JournalSocket::create();
  if (!journal) return;
  const auto socket = std::make_shared<sys::JournalSocket>(std::move(journal).value());
  log::set_journal_sink([socket](auto level, auto name, auto facts) {
    return socket->send(journal_entry(level, name, facts)).ok();
  });
}

}  // namespace sockherd::supervisor
