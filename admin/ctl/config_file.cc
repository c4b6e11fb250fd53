#include <cstdio>
#include <memory>

#include "admin/ctl/actions.h"
#include "admin/ctl/exit_code.h"
#include "admin/ctl/json.h"
#include "daemon/config/commands.h"
#include "daemon/config/load.h"
#include "daemon/sys/program_check.h"

namespace sockherd::ctl {
namespace {

std::string default_file(const Request& request) {
  const std::string name = request.instance.empty() ? "sockherd" : request.instance;
  return "/etc/sockherd/" + name + ".toml";
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

Error file_failure(const std::string& path, const std::string& verb, int code) {
  return failure(code == EACCES || code == EPERM ? Exit::Denied : Exit::Failed,
                 "cannot " + verb + " " + path + ": " + std::strerror(code));
}

Result<std::string> read_all(std::FILE* file, const std::string& name) {
  std::string text;
  char chunk[16384];
  size_t got = 0;
  while ((got = std::fread(chunk, 1, sizeof chunk, file)) > 0) text.append(chunk, got);
  if (std::ferror(file) != 0) return file_failure(name, "read", errno);
  return text;
}

// A configuration and what it is called in messages.
struct Source {
  std::string name;
  std::string text;
};

Result<Source> read_source(const Request& request) {
  std::string path = request.argument("FILE");
  if (path == "-") return Source{"<stdin>", TRY(read_all(stdin, "standard input"))};
  if (path.empty()) path = default_file(request);
  const File file(std::fopen(path.c_str(), "re"));
  if (!file) return file_failure(path, "read", errno);
  return Source{path, TRY(read_all(file.get(), path))};
}

Json faults_json(const std::vector<config::Fault>& faults) {
  Json list = Json::array();
  for (const config::Fault& fault : faults)
    list.push_back({{"file", fault.source},
                    {"line", fault.line},
                    {"column", fault.column},
                    {"what", fault.what}});
  return list;
}

Error bad_config(const Source& source, const config::Loaded& loaded, Answer& answer) {
  for (const config::Fault& fault : loaded.faults) answer.remarks += printable(fault.text()) + "\n";
  return failure(Exit::BadConfig,
                 source.name + " has " + counted(loaded.faults.size(), "fault") + "; see above");
}

// What the programs lack that are not ours. The service may see other files than we do, so that is
// no fault.
std::vector<sys::ProgramGap> gaps_of(const config::Loaded& loaded) {
  std::vector<sys::ProgramGap> gaps;
  if (!loaded.config) return gaps;
  for (const config::Pool& pool : loaded.config->pools) {
    if (pool.command.empty()) continue;
    const std::string option = "pool." + pool.name;
    const auto of = [&](const char* name) {
      return config::origin_of(loaded.settings, option + "." + name);
    };
    const std::string path = config::path_variable(pool);
    const std::vector<sys::ProgramGap> found =
        sys::look_for({.option = option,
                       .program = pool.command.front(),
                       .path = path.empty() ? sys::kServicePath : path,
                       .directory = pool.working_directory,
                       .account = {pool.user, pool.group},
                       .origins = {.program = of("command"),
                                   .directory = of("working_directory"),
                                   .user = of("user"),
                                   .group = of("group")}});
    gaps.insert(gaps.end(), found.begin(), found.end());
  }
  return gaps;
}

Json gaps_json(const std::vector<sys::ProgramGap>& gaps) {
  Json list = Json::array();
  for (const sys::ProgramGap& gap : gaps)
    list.push_back({{"origin", gap.origin}, {"option", gap.option}, {"what", gap.what}});
  return list;
}

}  // namespace

Result<void> check_config(const Request& request, Answer& answer) {
  const Source source = TRY(read_source(request));
  const config::Loaded loaded = config::load(source.text, source.name);
  const std::vector<sys::ProgramGap> gaps = gaps_of(loaded);
  if (request.json)
    answer.data = dump({{"ok", loaded.faults.empty()},
                        {"faults", faults_json(loaded.faults)},
                        {"warnings", gaps_json(gaps)}});
  if (!loaded.config) return bad_config(source, loaded, answer);
  for (const sys::ProgramGap& gap : gaps)
    answer.remarks += printable("warning: " + gap.text()) + "\n";
  if (!request.json)
    answer.data = source.name + ": good, with " +
                  counted(loaded.config->listeners.size(), "listener") + " and " +
                  counted(loaded.config->pools.size(), "pool") +
                  (gaps.empty() ? "" : "; " + counted(gaps.size(), "warning") + " above") + "\n";
  return {};
}

Result<void> init_config(const Request& request, Answer& answer) {
  const std::string path = request.argument("FILE");
  const std::string text = config::sample();
  if (path.empty() || path == "-") {
    answer.data = text;
    return {};
  }
  File file(std::fopen(path.c_str(), request.has("--force") ? "we" : "wxe"));
  if (!file && errno == EEXIST)
    return failure(Exit::Failed, path + " exists already; overwrite it with --force");
  if (!file) return file_failure(path, "write", errno);
  const bool is_written = std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
  if (!is_written || std::fflush(file.get()) != 0) return file_failure(path, "write", errno);
  answer.data = request.json
                    ? dump({{"written", path}})
                    : "wrote " + path + "; edit it, then: sockherdctl check " + path + "\n";
  return {};
}

Result<void> show_config(const Request& request, Answer& answer) {
  const Source source = TRY(read_source(request));
  const config::Loaded loaded = config::load(source.text, source.name);
  if (!loaded.config) return bad_config(source, loaded, answer);
  Json list = Json::array();
  for (const config::Setting& setting : loaded.settings) {
    list.push_back({{"path", setting.path}, {"value", setting.value}, {"origin", setting.origin}});
    answer.data += setting.path + " = " + setting.value +
                   (request.has("--origin") ? "  # " + setting.origin : "") + "\n";
  }
  if (request.json) answer.data = dump({{"settings", list}});
  return {};
}

}  // namespace sockherd::ctl
