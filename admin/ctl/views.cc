#include "admin/ctl/views.h"

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
  if (state != "backoff") return state;
  return "backoff, again in " + human_duration(worker.number("retry_seconds"));
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
  text += fact("last reload", last_reload(status, unix_time, palette));
  text += fact("log", counted(status.count("log_warnings"), "warning") + ", " +
                          counted(status.count("log_errors"), "error"));
  return text;
}

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
                    command.empty() ? "built-in" : joined(command, " ")});
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
                    {worker_state(worker), colour_of(worker.text("state"))},
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

std::string view_listeners(const std::vector<bus::Dictionary>& listeners, Palette palette) {
  std::vector<std::vector<Cell>> rows;
  for (const bus::Dictionary& listener : listeners) {
    const bool is_served = listener.boolean("served");
    rows.push_back({printable(listener.text("name")),
                    text_or_dash(listener, "address"),
                    number(listener, "slot"),
                    listener.boolean("adopted") ? "systemd" : "sockherd",
                    {is_served ? "yes" : "no", is_served ? Colour::None : Colour::Yellow},
                    balance(listener),
                    queue(listener)});
  }
  return table({"LISTENER", "ADDRESS", "SLOT", "FROM", "SERVED", "BALANCE", "QUEUE"}, rows,
               palette) +
         balance_notes(listeners);
}

}  // namespace sockherd::ctl
