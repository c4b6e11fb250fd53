// JSON out: one way to write it, which never throws.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "daemon/bus/dictionary.h"

namespace sockherd::api {

// Indented by two, with a newline at the end: it is read by people with curl as often as by
// programs. What is no UTF-8 is replaced.
std::string json_text(const nlohmann::ordered_json& json);

// A bus dictionary, member by member, in its own order.
nlohmann::ordered_json to_json(const bus::Dictionary& dictionary);

}  // namespace sockherd::api
