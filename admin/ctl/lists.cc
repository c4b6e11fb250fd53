#include "admin/ctl/actions.h"
#include "admin/ctl/json.h"
#include "admin/ctl/verbs.h"
#include "daemon/config/option_text.h"

namespace sockherd::ctl {
namespace {

Json option_json(const config::Option& option) {
  return {{"section", config::info(option.section).name},
          {"heading", config::info(option.section).heading},
          {"name", option.name},
          {"type", config::type_name(option.type)},
          {"default", option.fallback},
          {"command_default", option.command_fallback},
          {"bounds", config::format_bounds(option)},
          {"unit", option.unit},
          {"choices", option.choices},
          {"help", option.help}};
}

Json verb_json(const Verb& verb) {
  Json arguments = Json::array();
  for (const Argument& argument : verb.arguments)
    arguments.push_back({{"name", argument.name}, {"required", argument.is_required}});
  Json flags = Json::array();
  Json options = Json::array();
  for (const Flag& flag : verb.flags) {
    flags.push_back(flag.name);
    options.push_back({{"name", flag.name},
                       {"help", flag.help},
                       {"value", flag.value},
                       {"repeat", flag.may_repeat}});
  }
  return {{"name", verb.name},
          {"help", verb.help},
          {"arguments", arguments},
          {"flags", flags},
          {"options", options}};
}

}  // namespace

Result<void> list_options(const Request& request, Answer& answer) {
  Json list = Json::array();
  for (const config::Option& option : config::options()) {
    list.push_back(option_json(option));
    answer.data +=
        std::string(config::info(option.section).name) + "." + std::string(option.name) + "\n";
  }
  if (request.json) answer.data = dump({{"options", list}});
  return {};
}

Result<void> list_verbs(const Request& request, Answer& answer) {
  Json list = Json::array();
  for (const Verb& verb : verbs()) {
    if (verb.is_hidden) continue;
    list.push_back(verb_json(verb));
    answer.data += std::string(verb.name) + "\n";
  }
  Json common = Json::array();
  for (const GlobalOption& option : global_options())
    common.push_back({{"name", option.name}, {"help", option.help}, {"value", option.value}});
  if (request.json) answer.data = dump({{"verbs", list}, {"options", common}});
  return {};
}

}  // namespace sockherd::ctl
