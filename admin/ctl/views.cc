#include "admin/ctl/views.h"

#include <cstdio>
#include <ctime>

namespace sockherd::ctl {
namespace {

Colour colour_of(std::string_view state) {
  if (state == "running" || state == "ready") return Colour::Green;
  if (state == "backoff") return Colour::Red;
  return Colour::Yellow;  // starting, draining, reloading, stopping
}

std::string number(const bus::Dictionary& from, std::string_view key) {
  return std::to_string(from.count(key));
}

// The same, in a colour when it is not zero.
Cell alert(const bus::Dictionary& from, std::string_view key, Colour colour) {
  const uint64_t count = from.count(key);
  return {std::to_string(count), count == 0 ? Colour::None : colour};
}

std::string text_or_dash(const bus::Dictionary& from, std::string_view key) {
  const std::string text = printable(from.text(key));
  return text.empty() ? "-" : text;
}

std::string fact(std::string_view name, std::string_view value) {
  std::string line = "  " + std::string(name);
  line.resize(17, ' ');
  return line + std::string(value) + "\n";
}

std::string last_reload(const bus::Dictionary& status, double unix_time, Palette palette) {
  const uint64_t failures = status.count("reload_failures");
  if (status.count("reloads") + failures == 0) return "none yet";
  const double at = status.number("last_reload_time_seconds");
  const std::string age = at > 0 ? human_duration(unix_time - at) + " ago" : "never";
  if (status.boolean("last_reload_ok", true))
    return age + ", took " + human_duration(status.number("last_reload_seconds"));
  std::string text = paint("failed", Colour::Red, palette) + ", the last good one " + age;
  for (const std::string& reason : status.list("last_reload_reasons"))
    text += "\n" + std::string(17, ' ') + printable(reason);
  return text;
}

std::string worker_state(const bus::Dictionary& worker) {
  std::string state = printable(worker.text("state"));
  if (state == "backoff") {
    state += ", again in " + human_duration(worker.number("retry_seconds"));
  }
  return state;
}

Cell queue(const bus::Dictionary& listener) {
  const uint64_t waiting = listener.count("accept_queue");
  const uint64_t limit = listener.count("accept_queue_limit");
  const bool is_nearly_full = limit > 0 && waiting * 5 >= limit * 4;
  return {std::to_string(waiting) + "/" + std::to_string(limit),
          is_nearly_full ? Colour::Red : Colour::None};
}

Cell balance(const bus::Dictionary& listener) {
  const std::string in_force = listener.text("balance_in_force");
  const bool is_wanted = in_force == listener.text("balance");
  return {in_force.empty() ? "-" : printable(in_force), is_wanted ? Colour::None : Colour::Yellow};
}

// Why the balance of a listener is another than its configuration says, once a listener.
std::string balance_notes(const std::vector<bus::Dictionary>& listeners) {
  std::string notes;
  std::string last;
  for (const bus::Dictionary& listener : listeners) {
    const std::string name = printable(listener.text("name"));
    if (name == last || listener.text("balance_reason").empty()) continue;
    last = name;
    notes += name + ": no " + printable(listener.text("balance")) + ": " +
             printable(listener.text("balance_reason")) + "\n";
  }
  return notes;
}

constexpr uint64_t kNone = UINT64_MAX;

Colour colour_of_level(std::string_view level) {
  if (level == "error") return Colour::Red;
  if (level == "warning") return Colour::Yellow;
  return level == "debug" ? Colour::Dim : Colour::None;
}

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::string number_or_dash(const bus::Dictionary& from, std::string_view key) {
  const uint64_t count = from.count(key);
  return count == 0 ? "-" : std::to_string(count);
}

// "2026-11-21 13:08:00.123", in the time zone of whoever reads it.
std::string local_time(uint64_t time_us) {
  const auto seconds = static_cast<time_t>(time_us / 1'000'000);
  tm parts{};
  char text[40];
  if (::localtime_r(&seconds, &parts) == nullptr) return "-";
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  char fraction[8];
  std::snprintf(fraction, sizeof fraction, ".%03u", static_cast<unsigned>(time_us / 1'000 % 1'000));
  return std::string(text, length) + fraction;
}

// What is not as on any day: "2 adopted, 1 hung, 1 leaving, 1 slot lent".
std::string peculiarities(const bus::Dictionary& status) {
  std::string text;
  const auto add = [&](std::string_view key, std::string_view words) {
    if (status.count(key) == 0) return;
    text += (text.empty() ? "" : ", ") + number(status, key) + std::string(words);
  };
  add("adopted", " adopted");
  add("hung", " hung");
  add("leaving", " leaving");
  add("lent", status.count("lent") == 1 ? " slot lent" : " slots lent");
  return text;
}

std::string under_way(const bus::Dictionary& status) {
  std::string rollout = printable(status.text("rollout"));
  if (status.boolean("lame_duck")) return "stopping soon: serves on, but is not ready any more";
  if (rollout == "upgrade") return "upgrade: workers of the predecessor are replaced";
  if (rollout == "roll-back") return "roll-back of a reload that failed";
  return rollout;
}

// "ready (adopted, also serves 2)"
std::string remarks(const bus::Dictionary& worker) {
  std::string text;
  for (const std::string_view key :
       {"adopted", "hung", "stalling", "probation", "leaving", "worn"}) {
    if (worker.boolean(key)) text += (text.empty() ? "" : ", ") + std::string(key);
  }
  const std::vector<std::string> also = worker.list("serves_also");
  if (!also.empty()) text += (text.empty() ? "" : ", ") + ("also serves " + joined(also));
  if (worker.count("lent_to", kNone) != kNone) text += "lent to " + number(worker, "lent_to");
  return text.empty() ? "" : " (" + text + ")";
}

}  // namespace

std::string view_status(const bus::Dictionary& status, double unix_time, Palette palette) {
  const std::string state = printable(status.text("state", "unknown"));
  std::string text = "sockherd " + text_or_dash(status, "version") + " is " +
                     paint(state, colour_of(state), palette) + " for " +
                     human_duration(status.number("uptime_seconds")) + ", PID " +
                     std::to_string(status.integer("pid")) +
                     (status.boolean("ready", true) ? "" : ", not ready yet") + "\n";
  text += fact("configuration", text_or_dash(status, "config_file") + ", generation " +
                                    number(status, "generation"));
  if (const std::string what = under_way(status); !what.empty()) text += fact("under way", what);
  if (const std::string what = peculiarities(status); !what.empty()) text += fact("workers", what);
  if (status.boolean("watchdog_withheld")) {
    text += fact("watchdog", paint("withheld: too few workers serve", Colour::Red, palette));
  }
  text += fact("last reload", last_reload(status, unix_time, palette));
  text += fact("log", counted(status.count("log_warnings"), "warning") + ", " +
                          counted(status.count("log_errors"), "error"));
  return text;
}

namespace {

// "built-in, 2 threads each"
std::string built_in(const bus::Dictionary& pool) {
  const uint64_t threads = pool.count("threads", 1);
  return threads > 1 ? "built-in, " + std::to_string(threads) + " threads each" : "built-in";
}

// "3", or "3.1" for the second thread of its worker.
std::string slot_and_thread(const bus::Dictionary& listener) {
  const uint64_t thread = listener.count("thread");
  return number(listener, "slot") + (thread > 0 ? "." + std::to_string(thread) : "");
}

}  // namespace

std::string view_pools(const std::vector<bus::Dictionary>& pools, Palette palette) {
  std::vector<std::vector<Cell>> rows;
  for (const bus::Dictionary& pool : pools) {
    const std::vector<std::string> command = pool.list("command");
    const bool is_full = pool.count("ready") >= pool.count("desired");
    rows.push_back({printable(pool.text("name")),
                    number(pool, "desired") + "/" + number(pool, "max"),
                    {number(pool, "ready"), is_full ? Colour::Green : Colour::Yellow},
                    alert(pool, "starting", Colour::Yellow),
                    alert(pool, "draining", Colour::Yellow),
                    alert(pool, "backoff", Colour::Red),
                    joined(pool.list("listeners")),
                    command.empty() ? built_in(pool) : joined(command, " ")});
  }
  return table(
      {"POOL", "WORKERS", "READY", "STARTING", "DRAINING", "BACKOFF", "LISTENERS", "PROGRAM"}, rows,
      palette);
}

std::string view_workers(const std::vector<bus::Dictionary>& workers, Palette palette) {
  std::vector<std::vector<Cell>> rows;
  for (const bus::Dictionary& worker : workers) {
    const int64_t pid = worker.integer("pid");
    rows.push_back({printable(worker.text("pool")),
                    number(worker, "slot"),
                    {worker_state(worker) + remarks(worker), colour_of(worker.text("state"))},
                    pid > 0 ? std::to_string(pid) : "-",
                    number(worker, "generation"),
                    pid > 0 ? human_duration(worker.number("uptime_seconds")) : "-",
                    number(worker, "restarts"),
                    text_or_dash(worker, "last_exit"),
                    printable(worker.text("status"))});
  }
  return table(
      {"POOL", "SLOT", "STATE", "PID", "GENERATION", "UPTIME", "RESTARTS", "LAST EXIT", "STATUS"},
      rows, palette);
}

std::string view_events(const std::vector<bus::Dictionary>& events, Palette palette) {
  std::string text;
  for (const bus::Dictionary& event : events) {
    const std::string pool = printable(event.text("pool"));
    const bool has_slot = event.count("slot", kNone) != kNone;
    const std::string where =
        pool.empty() ? "-" : pool + (has_slot ? "/" + number(event, "slot") : "");
    std::string line =
        local_time(event.count("time_us")) + "  " + padded(number(event, "sequence"), 5) + "  " +
        paint(padded(printable(event.text("event")), 21), colour_of_level(event.text("level")),
              palette) +
        "  " + padded(where, 10) + "  " + padded(number_or_dash(event, "generation"), 3) + "  " +
        padded(number_or_dash(event, "pid"), 7) + "  " + printable(event.text("detail"));
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string view_listeners(const std::vector<bus::Dictionary>& listeners, Palette palette) {
  std::vector<std::vector<Cell>> rows;
  for (const bus::Dictionary& listener : listeners) {
    const bool is_served = listener.boolean("served");
    const bool is_parked = listener.boolean("parked");
    rows.push_back({printable(listener.text("name")),
                    text_or_dash(listener, "address"),
                    slot_and_thread(listener),
                    listener.boolean("adopted") ? "systemd" : "sockherd",
                    {is_served   ? "yes"
                     : is_parked ? "parked"
                                 : "no",
                     is_served ? Colour::None : Colour::Yellow},
                    balance(listener),
                    queue(listener)});
  }
  return table({"LISTENER", "ADDRESS", "SLOT", "FROM", "SERVED", "BALANCE", "QUEUE"}, rows,
               palette) +
         balance_notes(listeners);
}

}  // namespace sockherd::ctl
