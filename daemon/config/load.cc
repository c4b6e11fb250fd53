#include "daemon/config/load.h"

#include "daemon/base/assert.h"
#include "daemon/config/assign.h"
#include "daemon/config/check.h"
#include "daemon/config/document.h"
#include "daemon/config/option_text.h"
#include "daemon/config/options.h"
#include "daemon/config/overrides.h"
#include "daemon/config/report.h"

namespace sockherd::config {
namespace {

// A key as it is written in TOML: in quotes unless it is a name.
std::string key_text(const std::string& key) {
  return name_fault(key).empty() ? key : quote(key);
}

// Reader: walks the tree along the option table and fills a Config.
class Reader {
 public:
  Reader(Report& report, std::vector<Setting>& settings) : report_(report), settings_(settings) {}

  Config read(const Node& root) {
    Config config;
    for (const Entry& entry : root.entries) check_is_section(entry);
    read_section(Section::Daemon, &config.daemon, root.find("daemon"));
    for (const Entry& entry : named_tables(Section::Listener, root.find("listener"))) {
      config.listeners.push_back({.name = entry.key});
      fill(Section::Listener, &config.listeners.back(), entry.value,
           "listener." + key_text(entry.key));
    }
    for (const Entry& entry : named_tables(Section::Pool, root.find("pool"))) {
      config.pools.push_back({.name = entry.key});
      fill(Section::Pool, &config.pools.back(), entry.value, "pool." + key_text(entry.key));
    }
    read_section(Section::Admin, &config.admin, root.find("admin"));
    return config;
  }

 private:
  // What to say of a key that is none of `known`: the one that was meant, or where it belongs.
  static std::string unknown(const std::vector<const Option*>& known, std::string_view key) {
    std::vector<std::string_view> names;
    names.reserve(known.size());
    for (const Option* option : known) names.push_back(option->name);
    const std::string near = did_you_mean(key, names);
    if (!near.empty()) return "unknown option" + near;
    for (const Option& option : options())
      if (option.name == key)
        return "unknown option here; it belongs into " + std::string(info(option.section).heading);
    return "unknown option; sockherd.toml(5) lists all";
  }

  void check_is_section(const Entry& entry) {
    std::vector<std::string_view> names;
    for (const SectionInfo& section : sections())
      if (section.section != Section::Route) names.push_back(section.name);
    for (const std::string_view name : names)
      if (name == entry.key) return;
    if (entry.value.kind == Kind::Table || entry.value.kind == Kind::List)
      blame(entry.place, key_text(entry.key),
            "unknown section" + did_you_mean(entry.key, names) +
                "; known: [daemon], [listener.NAME], [pool.NAME], [admin]");
    else
      report_.add(entry.place, key_text(entry.key), unknown({}, entry.key));
  }

  void read_section(Section section, const Object& object, const Entry* entry) {
    const Node nothing;
    const std::string name(info(section).name);
    if (entry != nullptr && entry->value.kind != Kind::Table) {
      report_.add(entry->value.place, name,
                  "expected a table [" + name + "], found " + describe(entry->value));
      entry = nullptr;
    }
    if (entry != nullptr) report_.set_place(name, entry->place);
    fill(section, object, entry == nullptr ? nothing : entry->value, name);
  }

  // The [listener.NAME] or [pool.NAME] tables, without those that are none.
  std::vector<Entry> named_tables(Section section, const Entry* entry) {
    if (entry == nullptr) return {};
    const std::string name(info(section).name);
    if (entry->value.kind != Kind::Table) {
      blame(entry->value.place, name,
            "expected tables " + std::string(info(section).heading) + ", found " +
                describe(entry->value));
      return {};
    }
    std::vector<Entry> tables;
    for (const Entry& child : entry->value.entries)
      if (is_named_table(section, child)) tables.push_back(child);
    return tables;
  }

  bool is_named_table(Section section, const Entry& child) {
    const std::string name(info(section).name);
    const std::string path = name + "." + key_text(child.key);
    report_.set_place(path, child.place);
    if (child.value.kind == Kind::Table) {
      const std::string wrong = name_fault(child.key);
      if (!wrong.empty()) blame(child.place, path, wrong);
      return true;
    }
    const bool is_option = find_option(section, child.key) != nullptr;
    blame(child.place, path,
          is_option ? "a " + name + " needs a name; write [" + name + ".web] above"
                    : "expected a table " + std::string(info(section).heading) + ", found " +
                          describe(child.value));
    return false;
  }

  // For faults after which the whole cannot be judged.
  void blame(const Place& place, const std::string& path, std::string_view what) {
    report_.set_incomplete();
    report_.add(place, path, what);
  }

  // Gives every option of `object` its value: that of `table`, else its default.
  void fill(Section section, const Object& object, const Node& table, const std::string& path) {
    const std::vector<const Option*> known = options_of(section);
    for (const Entry& entry : table.entries)
      if (find_option(section, entry.key) == nullptr)
        report_.add(entry.place, path + "." + key_text(entry.key), unknown(known, entry.key));
    for (const Option* option : known)
      set(*option, object, table.find(option->name), path + "." + std::string(option->name));
  }

  void set(const Option& option, const Object& object, const Entry* entry,
           const std::string& path) {
    if (entry != nullptr) report_.set_place(path, entry->value.place);
    if (option.type == Type::Routes) return read_routes(**std::get_if<Pool*>(&object), entry, path);
    if (entry == nullptr) {
      const std::optional<Node> fallback = parse_value(fallback_of(option, object));
      SH_ASSERT(fallback);
      assign(option, object, *fallback, path, report_);
    } else {
      assign(option, object, entry->value, path, report_);
    }
    settings_.push_back({path, format_value(option, object),
                         entry == nullptr ? "default" : entry->value.place.text()});
  }

  // The row of `command` comes before those that depend on it.
  static std::string_view fallback_of(const Option& option, const Object& object) {
    Pool* const* pool = std::get_if<Pool*>(&object);
    const bool is_command = pool != nullptr && !(*pool)->command.empty();
    return is_command && !option.command_fallback.empty() ? option.command_fallback
                                                          : option.fallback;
  }

  void read_routes(Pool& pool, const Entry* entry, const std::string& path) {
    if (entry == nullptr) return;
    if (entry->value.kind != Kind::List)
      return report_.add(path, "expected " + std::string(expectation(Type::Routes)) + ", found " +
                                   describe(entry->value));
    for (size_t i = 0; i < entry->value.items.size(); ++i) {
      const Node& item = entry->value.items[i];
      const std::string item_path = path + "[" + std::to_string(i) + "]";
      report_.set_place(item_path, item.place);
      if (item.kind != Kind::Table) {
        report_.add(item_path, "expected a table { path = \"/\", ... }, found " + describe(item));
        continue;
      }
      pool.routes.emplace_back();
      fill(Section::Route, &pool.routes.back(), item, item_path);
    }
  }

  Report& report_;
  std::vector<Setting>& settings_;
};

// Options of the table that stand for something in Config that is no option by itself.
void derive(Config& config) {
  for (Pool& pool : config.pools) {
    pool.workers_auto = pool.workers == 0;
    pool.threads_auto = pool.threads == 0;
  }
  if (config.admin.address.empty()) config.admin.enabled = false;
}

}  // namespace

std::string origin_of(const std::vector<Setting>& settings, std::string_view path) {
  for (const Setting& setting : settings) {
    if (setting.path == path && setting.origin != "default") return setting.origin;
  }
  return "";
}

Loaded load(std::string_view text, std::string_view file, const std::vector<Override>& overrides) {
  Loaded loaded;
  Document document = parse_document(text, file);
  if (document.fault) {
    loaded.faults.push_back(std::move(*document.fault));
    return loaded;
  }
  for (const Override& setting : overrides) apply(setting, document.root);
  Report report(file);
  Config config = Reader(report, loaded.settings).read(document.root);
  check(config, report);
  loaded.faults = report.take();
  derive(config);
  if (loaded.faults.empty()) loaded.config = std::move(config);
  return loaded;
}

}  // namespace sockherd::config
