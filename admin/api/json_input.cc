#include "admin/api/json_input.h"

#include <set>

#include <nlohmann/json.hpp>

namespace sockherd::api {
namespace {

using nlohmann::json;

// RFC 6901: "~" and "/" inside of a name are escaped.
std::string pointer_to(std::string_view name) {
  std::string pointer = "/";
  for (const char c : name) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

Problem malformed(size_t offset, std::string_view message) {
  const size_t prefix_end = message.find("] ");  // "[json.exception.parse_error.101] "
  if (prefix_end != std::string_view::npos) message.remove_prefix(prefix_end + 2);
  return {400,
          "malformed-json",
          "The content is not JSON",
          std::string(message),
          {{std::string(message), "", offset}}};
}

Problem invalid(std::vector<Problem::Detail> errors) {
  return {422, "invalid-content", "The content is not what this endpoint takes", errors[0].detail,
          std::move(errors)};
}

std::string member_names(std::span<const NumberMember> members) {
  if (members.empty()) return "this endpoint takes no members";
  std::string names = "this endpoint takes ";
  for (const NumberMember& member : members)
    names += (member.name == members[0].name ? "\"" : ", \"") + std::string(member.name) + "\"";
  return names;
}

// Takes one member out of `object`, or notes what is wrong with it.
void read_number(json& object, const NumberMember& member, Numbers& numbers,
                 std::vector<Problem::Detail>& errors) {
  const std::string name(member.name);
  const std::string bounds =
      "from " + std::to_string(member.least) + " to " + std::to_string(member.most);
  const auto found = object.find(name);
  if (found == object.end()) {
    errors.push_back({"\"" + name + "\" is missing: an integer " + bounds, pointer_to(name), {}});
    return;
  }
  const json value = *found;
  object.erase(found);
  const bool fits = value.is_number_integer() &&
                    !(value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX});
  if (!value.is_number_integer()) {
    errors.push_back({"\"" + name + "\" must be an integer " + bounds + ", not " +
                          (value.is_number() ? "a fraction" : value.type_name()),
                      pointer_to(name),
                      {}});
  } else if (!fits || value.get<int64_t>() < member.least || value.get<int64_t>() > member.most) {
    errors.push_back(
        {"\"" + name + "\" must be " + bounds + ", not " + value.dump(), pointer_to(name), {}});
  } else {
    numbers[name] = value.get<int64_t>();
  }
}

// The parser of nlohmann-json keeps the last of two equal names; readers behind us might keep the
// first.
json parse(std::string_view content, std::vector<Problem::Detail>& errors) {
  std::set<std::string> seen;
  const auto note_repeated = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1) {
      const std::string name = parsed.get<std::string>();
      if (!seen.insert(name).second)
        errors.push_back({"\"" + name + "\" stands there twice", pointer_to(name), {}});
    }
    return true;
  };
  return json::parse(content, note_repeated);
}

std::variant<Numbers, Problem> read(std::string_view content,
                                    std::span<const NumberMember> members) {
  std::vector<Problem::Detail> errors;
  json object = parse(content.empty() ? "{}" : content, errors);
  if (!object.is_object())
    return invalid({{std::string("must be an object, not ") + object.type_name(), "", {}}});
  Numbers numbers;
  for (const NumberMember& member : members) read_number(object, member, numbers, errors);
  for (const auto& [name, value] : object.items()) {
    errors.push_back(
        {"unknown member \"" + name + "\": " + member_names(members), pointer_to(name), {}});
  }
  if (!errors.empty()) return invalid(std::move(errors));
  return numbers;
}

}  // namespace

std::variant<Numbers, Problem> read_numbers(std::string_view content,
                                            std::span<const NumberMember> members) {
  try {
    return read(content, members);
  } catch (const json::parse_error& error) {
    return malformed(error.byte > 0 ? error.byte - 1 : 0, error.what());  // it counts from 1
  } catch (const json::exception& error) {
    return malformed(0, error.what());
  }
}

}  // namespace sockherd::api
