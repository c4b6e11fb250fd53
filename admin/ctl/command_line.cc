#include "admin/ctl/command_line.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>

#include <CLI/CLI.hpp>

#include "admin/ctl/exit_code.h"
#include "admin/ctl/unit_file.h"
#include "daemon/base/nearest.h"
#include "daemon/base/parse.h"
#include "daemon/base/version.h"
#include "daemon/bus/control_path.h"
#include "daemon/config/units.h"

namespace sockherd::ctl {
namespace {

constexpr std::string_view kSeeHelp = "; see: sockherdctl --help";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string default_socket() {
  if (std::string path = environment("SOCKHERD_CONTROL"); !path.empty()) return path;
  return bus::control_path_for_client(bus::RuntimeEnvironment::of_process());
}

// The words of a verb's name: "config init" is a verb within a verb.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words(1);
  for (const char c : name) {
    if (c == ' ')
      words.emplace_back();
    else
      words.back() += c;
  }
  return words;
}

// What CLI11 stores into while it parses.
struct Parsed {
  std::map<std::string, std::string> arguments;
  std::set<std::string> flags;
  std::map<std::string, std::string> values;
  std::string socket;
  std::string timeout;
  std::string instance;
  bool json = false;
  bool no_colour = false;
  bool help = false;
  bool version = false;
  const Verb* verb = nullptr;
  std::string group;  // "config" where only that was said
};

// Finds or makes the sub-command of `word` under `parent`. Nothing is required of CLI11 and nothing
// is an error to it: what is missing or left over is told in our own words.
CLI::App* sub_command(CLI::App& parent, const std::string& word) {
  const auto has_name = [&word](const CLI::App* command) { return command->get_name() == word; };
  const std::vector<CLI::App*> known = parent.get_subcommands(has_name);
  if (!known.empty()) return known.front();
  CLI::App* command = parent.add_subcommand(word);
  command->set_help_flag();
  command->allow_extras();
  command->fallthrough();
  command->require_subcommand(0, 1);
  return command;
}

void add_verb(CLI::App& app, const Verb& verb, Parsed& parsed) {
  CLI::App* command = &app;
  const std::vector<std::string> words = words_of(verb.name);
  for (const std::string& word : words) command = sub_command(*command, word);
  if (words.size() > 1)
    app.get_subcommand(words[0])->callback([&parsed, word = words[0]] { parsed.group = word; });
  command->callback([&parsed, &verb] { parsed.verb = &verb; });
  for (const Argument& argument : verb.arguments) {
    const std::string name(argument.name);
    command->add_option_function<std::string>(
        name, [&parsed, name](const std::string& value) { parsed.arguments[name] = value; });
  }
  for (const Flag& flag : verb.flags) {
    const std::string name(flag.name);
    if (flag.value.empty()) {
      command->add_flag_callback(name, [&parsed, name] { parsed.flags.insert(name); });
    } else if (flag.may_repeat) {
      command
          ->add_option_function<std::vector<std::string>>(
              name,
              [&parsed, name](const std::vector<std::string>& values) {
                parsed.values[name] = joined(values, "\n");
              })
          ->expected(1)
          ->take_all();
    } else {
      command->add_option_function<std::string>(
          name, [&parsed, name](const std::string& value) { parsed.values[name] = value; });
    }
  }
}

void add_global_options(CLI::App& app, Parsed& parsed) {
  app.add_option("--socket", parsed.socket)->take_last();
  app.add_option("--instance", parsed.instance)->take_last();
  app.add_option("--timeout", parsed.timeout)->take_last();
  app.add_flag("--json", parsed.json);
  app.add_flag("--no-color,--no-colour", parsed.no_colour);
  app.add_flag("-h,--help", parsed.help);
  app.add_flag("-V,--version", parsed.version);
}

std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  const auto near = nearest(word, candidates);
  return near ? "; did you mean \"" + std::string(*near) + "\"?" : std::string(kSeeHelp);
}

Error unknown_option(const std::string& word, const Verb* verb) {
  std::vector<std::string> known = {"--socket",   "--instance", "--timeout", "--json",
                                    "--no-color", "--help",     "--version"};
  if (verb != nullptr)
    for (const Flag& flag : verb->flags) known.emplace_back(flag.name);
  return failure(Exit::Usage, "unknown option " + printable(word) + suggestion(word, known));
}

Error unknown_verb(const std::string& word, const std::string& group) {
  std::vector<std::string> known;
  for (const std::string_view name : visible_verb_names()) {
    const std::vector<std::string> words = words_of(name);
    if (group.empty()) known.push_back(words[0]);
    if (words[0] == group) known.push_back(words[1]);
  }
  return failure(Exit::Usage, "unknown verb \"" + (group.empty() ? "" : group + " ") +
                                  printable(word) + "\"" + suggestion(word, known));
}

// What is wrong with what CLI11 understood; nothing if all is well.
std::optional<Error> misuse(const Parsed& parsed, const std::vector<std::string>& left_over) {
  for (const std::string& word : left_over) {
    if (word.starts_with('-') && word.size() > 1) return unknown_option(word, parsed.verb);
    if (parsed.verb == nullptr) return unknown_verb(word, parsed.group);
    return failure(Exit::Usage, "\"" + printable(word) +
                                    "\" is one argument too many; usage: sockherdctl " +
                                    synopsis(*parsed.verb));
  }
  if (parsed.verb == nullptr)
    return failure(Exit::Usage, parsed.group.empty()
                                    ? "a verb is missing" + std::string(kSeeHelp)
                                    : parsed.group +
                                          " what? `sockherdctl config init` or `sockherdctl "
                                          "config show`");
  for (const Argument& argument : parsed.verb->arguments)
    if (argument.is_required && !parsed.arguments.contains(std::string(argument.name)))
      return failure(Exit::Usage, std::string(argument.name) + " is missing; usage: sockherdctl " +
                                      synopsis(*parsed.verb));
  return std::nullopt;
}

Result<std::chrono::milliseconds> timeout_of(const std::string& text) {
  auto timeout = config::parse_duration(text);
  if (!timeout) timeout = config::parse_duration(text + "s");  // a number of seconds
  if (!timeout || timeout->count() <= 0)
    return failure(Exit::Usage, "--timeout must be a time such as 30s, 500ms or 2m, is \"" +
                                    printable(text) + "\"");
  return *timeout;
}

Result<Request> request_of(const Parsed& parsed, const Surroundings& around) {
  Request request;
  request.arguments = parsed.arguments;
  request.flags = parsed.flags;
  request.values = parsed.values;
  request.instance = parsed.instance;
  if (!parsed.instance.empty() && !is_instance_name(parsed.instance)) {
    return failure(Exit::Usage, "--instance must be the NAME of a sockherd@NAME.service, is \"" +
                                    printable(parsed.instance) + "\"");
  }
  request.socket =
      parsed.instance.empty() ? around.socket : bus::control_path_of_instance(parsed.instance);
  if (!parsed.socket.empty()) request.socket = parsed.socket;
  request.timeout = parsed.verb->timeout;
  if (!parsed.timeout.empty()) request.timeout = TRY(timeout_of(parsed.timeout));
  request.json = parsed.json;
  request.palette = around.may_colour && !parsed.no_colour ? Palette::Coloured : Palette::Plain;
  request.unix_time = around.unix_time;
  return request;
}

void print_error(const Error& error) {
  std::fprintf(stderr, "sockherdctl: %s\n", error.what.c_str());
}

// Whether the data could be written.
bool print(const Answer& answer) {
  std::fwrite(answer.data.data(), 1, answer.data.size(), stdout);
  const bool is_written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  std::fwrite(answer.remarks.data(), 1, answer.remarks.size(), stderr);
  return is_written;
}

int print_and_finish(const Answer& answer, const Result<void>& result) {
  const bool is_written = print(answer);
  if (!result.ok()) {
    print_error(result.error());
    return result.error().code;
  }
  if (is_written) return static_cast<int>(Exit::Ok);
  print_error(errno_error("cannot write to standard output"));
  return static_cast<int>(Exit::Failed);
}

Result<void> run_verb(const CommandLine& line, Answer& answer) {
  // nlohmann-json and the standard library throw; nothing of that is expected.
  try {
    return line.verb->run(line.request, answer);
  } catch (const std::exception& exception) {
    return failure(Exit::Failed, exception.what());
  }
}

}  // namespace

Surroundings surroundings() {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  const bool may_colour = ::isatty(STDOUT_FILENO) == 1 && environment("NO_COLOR").empty() &&
                          environment("TERM") != "dumb";
  return {default_socket(), may_colour, now.count()};
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments,
                                       const Surroundings& around) {
  Parsed parsed;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  app.require_subcommand(0, 1);
  add_global_options(app, parsed);
  for (const Verb& verb : verbs()) add_verb(app, verb, parsed);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // last one first
  } catch (const CLI::ParseError& error) {
    return failure(Exit::Usage, std::string(error.what()) + std::string(kSeeHelp));
  }
  CommandLine line;
  line.verb = parsed.verb;
  if (parsed.version) line.text = "sockherdctl " + std::string(kVersion) + "\n";
  if (parsed.help) line.text = parsed.verb == nullptr ? help() : help(*parsed.verb);
  if (!line.text.empty()) return line;
  if (std::optional<Error> wrong = misuse(parsed, app.remaining(true))) return std::move(*wrong);
  line.request = TRY(request_of(parsed, around));
  return line;
}

int run(int argc, const char* const* argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const Result<CommandLine> line = parse_command_line(arguments, surroundings());
  if (!line.ok()) {
    print_error(line.error());
    return line.error().code;
  }
  Answer answer;
  answer.data = line.value().text;
  if (!answer.data.empty()) return print_and_finish(answer, {});
  answer.flush = [](Answer& so_far) {
    const bool is_written = print(so_far);
    so_far.data.clear();
    so_far.remarks.clear();
    return is_written;
  };
  const Result<void> result = run_verb(line.value(), answer);
  return print_and_finish(answer, result);
}

}  // namespace sockherd::ctl
