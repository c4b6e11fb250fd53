#include "admin/api/problem.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "admin/api/json_text.h"
#include "daemon/http/status.h"

namespace sockherd::api {
namespace {

constexpr char kTypePrefix[] = "urn:sockherd:problem:";

struct BusProblem {
  std::string_view name;
  int status;
  const char* type;
  const char* title;
};
constexpr std::array kBusProblems = {
    BusProblem{bus::kErrorNoSuchPool, 404, "no-such-pool", "There is no such pool"},
    BusProblem{bus::kErrorNoSuchSlot, 404, "no-such-slot", "There is no such slot"},
    BusProblem{bus::kErrorOutOfRange, 422, "out-of-range", "The number is out of bounds"},
    BusProblem{bus::kErrorBusy, 409, "busy", "Another reload or restart is running"},
    BusProblem{bus::kErrorStopping, 503, "stopping", "The daemon is stopping"},
    BusProblem{bus::kErrorUnavailable, 503, "unavailable", "The kernel refused it"},
    BusProblem{SD_BUS_ERROR_NO_REPLY, 504, "timed-out", "The supervisor did not answer in time"},
    BusProblem{SD_BUS_ERROR_TIMEOUT, 504, "timed-out", "The supervisor did not answer in time"},
    BusProblem{"org.freedesktop.DBus.Error.TimedOut", 504, "timed-out",
               "The supervisor did not answer in time"},
    BusProblem{SD_BUS_ERROR_DISCONNECTED, 503, "supervisor-lost",
               "The connection to the supervisor is lost"},
    BusProblem{"System.Error.ECONNRESET", 503, "supervisor-lost",
               "The connection to the supervisor is lost"},
    BusProblem{"System.Error.ENOTCONN", 503, "supervisor-lost",
               "The connection to the supervisor is lost"},
    BusProblem{"System.Error.EPIPE", 503, "supervisor-lost",
               "The connection to the supervisor is lost"},
};

nlohmann::ordered_json to_json(const Problem::Detail& error) {
  nlohmann::ordered_json json;
  json["detail"] = error.detail;
  if (error.pointer) json["pointer"] = *error.pointer;
  if (error.offset) json["offset"] = *error.offset;
  return json;
}

}  // namespace

Answer answer(const Problem& problem, std::string_view instance) {
  nlohmann::ordered_json json;
  json["type"] = kTypePrefix + problem.type;
  json["title"] = problem.title;
  json["status"] = problem.status;
  if (!problem.detail.empty()) json["detail"] = problem.detail;
  if (!instance.empty()) json["instance"] = instance;
  for (const Problem::Detail& error : problem.errors) json["errors"].push_back(to_json(error));
  return {problem.status, "application/problem+json", json_text(json), problem.fields};
}

Problem problem_of(const bus::CallError& error) {
  const auto* found = std::find_if(kBusProblems.begin(), kBusProblems.end(),
                                   [&](const BusProblem& row) { return error.name == row.name; });
  if (found == kBusProblems.end()) {
    return {500, "supervisor-error", "The supervisor answered with an error",
            error.name + ": " + error.message};
  }
  Problem problem{found->status, found->type, found->title, error.message};
  if (problem.status == 503 || problem.status == 409) problem.fields = {{"Retry-After", "1"}};
  return problem;
}

Problem problem_of_status(int status, std::string_view reason) {
  return {status, "http-" + std::to_string(status), std::string(http::reason_phrase(status)),
          std::string(reason)};
}

}  // namespace sockherd::api
