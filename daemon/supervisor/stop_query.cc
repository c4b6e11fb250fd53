#include "daemon/supervisor/stop_query.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>
#include <utility>

#include "daemon/base/clock.h"

namespace sockherd::supervisor {
namespace {

constexpr char kManager[] = "org.freedesktop.systemd1";
constexpr char kManagerPath[] = "/org/freedesktop/systemd1";
constexpr char kProperties[] = "org.freedesktop.DBus.Properties";
constexpr auto kPatience = std::chrono::seconds(1);

bool failed(sd_bus_message* reply) {
  return ::sd_bus_message_is_method_error(reply, nullptr) != 0;
}

}  // namespace

std::unique_ptr<StopQuery> StopQuery::ask(sd_event* loop, std::function<void(bool)> answer) {
  std::unique_ptr<StopQuery> query(new StopQuery(std::move(answer)));
  if (const char* means = std::getenv("SOCKHERD_STOP_MEANS"); means != nullptr) {
    query->conclude(std::string_view(means) == "restart");
  } else if (std::getenv("INVOCATION_ID") == nullptr || !query->begin(loop)) {
    query->conclude(false);  // not a service of systemd's
  }
  return query;
}

StopQuery::~StopQuery() = default;

void StopQuery::conclude(bool is_restart) {
  deadline_.reset();
  if (answer_) std::exchange(answer_, nullptr)(is_restart);
}

bool StopQuery::begin(sd_event* loop) {
  sd_bus* raw = nullptr;
  if (::sd_bus_open_system(&raw) < 0) return false;
  bus_.reset(raw);
  if (::sd_bus_set_close_on_exit(raw, 0) < 0) return false;  // the loop may end before the answer
  auto deadline = Watch::timer(loop, [this] { conclude(false); });
  if (!deadline || ::sd_bus_attach_event(raw, loop, SD_EVENT_PRIORITY_NORMAL) < 0) return false;
  deadline_ = std::move(deadline).value();
  deadline_.arm(monotonic_now() + kPatience);
  return ::sd_bus_call_method_async(raw, nullptr, kManager, kManagerPath,
                                    "org.freedesktop.systemd1.Manager", "GetUnitByPID", on_unit,
                                    this, "u", static_cast<uint32_t>(::getpid())) >= 0;
}

int StopQuery::call(const char* path, const char* interface, const char* member,
                    sd_bus_message_handler_t on, const char* first, const char* second) {
  return ::sd_bus_call_method_async(bus_.get(), nullptr, kManager, path, interface, member, on,
                                    this, "ss", first, second);
}

int StopQuery::on_unit(sd_bus_message* reply, void* self, sd_bus_error* /*error*/) {
  auto* query = static_cast<StopQuery*>(self);
  const char* path = nullptr;
  if (failed(reply) || ::sd_bus_message_read(reply, "o", &path) < 0 ||
      query->call(path, kProperties, "Get", on_job, "org.freedesktop.systemd1.Unit", "Job") < 0) {
    query->conclude(false);
  }
  return 0;
}

int StopQuery::on_job(sd_bus_message* reply, void* self, sd_bus_error* /*error*/) {
  auto* query = static_cast<StopQuery*>(self);
  uint32_t id = 0;
  const char* path = nullptr;
  if (failed(reply) || ::sd_bus_message_read(reply, "v", "(uo)", &id, &path) < 0 || id == 0 ||
      query->call(path, kProperties, "Get", on_job_type, "org.freedesktop.systemd1.Job",
                  "JobType") < 0) {
    query->conclude(false);
  }
  return 0;
}

int StopQuery::on_job_type(sd_bus_message* reply, void* self, sd_bus_error* /*error*/) {
  const char* type = nullptr;
  const bool is_known = !failed(reply) && ::sd_bus_message_read(reply, "v", "s", &type) >= 0;
  static_cast<StopQuery*>(self)->conclude(is_known && std::string_view(type) == "restart");
  return 0;
}

}  // namespace sockherd::supervisor
