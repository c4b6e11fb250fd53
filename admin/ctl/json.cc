#include "admin/ctl/json.h"

namespace sockherd::ctl {

Json to_json(const bus::Dictionary& dictionary) {
  Json json = Json::object();
  for (const auto& [key, value] : dictionary.entries())
    std::visit([&json, &name = key](const auto& content) { json[name] = content; }, value);
  return json;
}

Json to_json(const std::vector<bus::Dictionary>& list) {
  Json json = Json::array();
  for (const bus::Dictionary& dictionary : list) json.push_back(to_json(dictionary));
  return json;
}

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string dump_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sockherd::ctl
