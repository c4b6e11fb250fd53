#include "admin/api/json_text.h"

namespace sockherd::api {

std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

nlohmann::ordered_json to_json(const bus::Dictionary& dictionary) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [key, value] : dictionary.entries())
    std::visit([&json, &name = key](const auto& plain) { json[name] = plain; }, value);
  return json;
}

}  // namespace sockherd::api
