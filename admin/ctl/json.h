// Answers as JSON: the keys of the bus interface as they are, so that they mean the same
// everywhere.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "daemon/bus/dictionary.h"

namespace sockherd::ctl {

using Json = nlohmann::ordered_json;

Json to_json(const bus::Dictionary& dictionary);
Json to_json(const std::vector<bus::Dictionary>& list);

// With a line break at the end. Bytes that are no UTF-8 (a worker's status line may hold any) are
// replaced.
std::string dump(const Json& json);
// The same on one line.
std::string dump_line(const Json& json);

}  // namespace sockherd::ctl
