#include "admin/api/gatherer.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"

namespace sockherd::api {
namespace {

constexpr std::chrono::seconds kTimeout{5};

// Reads one aa{sv} into `list`, or one a{sv}.
auto into(std::vector<bus::Dictionary>& list) {
  return [&list](sd_bus_message* message) -> Result<void> {
    list = TRY(bus::read_dictionaries(message));
    return {};
  };
}

auto into(bus::Dictionary& dictionary) {
  return [&dictionary](sd_bus_message* message) -> Result<void> {
    dictionary = TRY(bus::read_dictionary(message));
    return {};
  };
}

// The message keeps its descriptor, so ours is a duplicate.
Result<UniqueFd> read_fd(sd_bus_message* message) {
  int borrowed = -1;
  const int read = sd_bus_message_read(message, "h", &borrowed);
  if (read < 0) return errno_error("read descriptor", -read);
  UniqueFd fd(::fcntl(borrowed, F_DUPFD_CLOEXEC, 0));
  if (!fd) return errno_error("duplicate descriptor");
  return fd;
}

}  // namespace

Gatherer::Gatherer(bus::Client& client, std::function<metrics::AdminCounts()> own_counts)
    : client_(client), own_counts_(std::move(own_counts)) {}

void Gatherer::gather(Done done) {
  waiting_.push_back(std::move(done));
  if (!round_runs_) start_round();
}

void Gatherer::start_round() {
  round_runs_ = true;
  started_ = monotonic_now();
  served_ = std::exchange(waiting_, {});
  snapshot_ = {};
  error_.reset();
  ask_lists();
}

void Gatherer::ask(const char* method, const bus::Client::Arguments& arguments, Read read) {
  ++outstanding_;
  client_.call_async(
      method, arguments, kTimeout,
      [this, read = std::move(read)](const bus::Reply& reply) { on_reply(reply, read); });
}

// A step counts as one outstanding reply until all its calls are made: one may come back at once.
void Gatherer::begin_step(std::function<void()> next) {
  next_step_ = std::move(next);
  outstanding_ = 1;
}

void Gatherer::one_done() {
  if (--outstanding_ == 0) std::exchange(next_step_, {})();
}

void Gatherer::on_reply(const bus::Reply& reply, const Read& read) {
  if (!reply.ok()) {
    error_ = reply.error;
  } else if (const auto outcome = read(reply.message); !outcome.ok()) {
    error_ = bus::CallError{SD_BUS_ERROR_INVALID_ARGS, outcome.error().what};
  }
  one_done();
}

void Gatherer::ask_lists() {
  begin_step([this] { ask_statistics(); });
  ask("GetStatus", {}, into(snapshot_.status));
  ask("CountEvents", {}, into(snapshot_.event_counts));
  ask("ListPools", {}, into(snapshot_.pools));
  ask("ListWorkers", {std::string()}, into(snapshot_.workers));
  ask("ListListeners", {}, into(snapshot_.listeners));
  ask("ListUpstreams", {}, into(snapshot_.upstreams));
  one_done();
}

void Gatherer::ask_statistics() {
  if (error_) return finish_round();
  begin_step([this] { finish_round(); });
  pages_.retain(snapshot_.pools);
  for (const bus::Dictionary& pool : pages_.missing(snapshot_.pools)) {
    ++outstanding_;
    client_.call_async("OpenStatistics", {pool.text("name")}, kTimeout,
                       [this, pool](const bus::Reply& reply) { on_statistics(pool, reply); });
  }
  one_done();
}

// Without its pages a pool still has state: its traffic is left out until it can be had.
void Gatherer::on_statistics(const bus::Dictionary& pool, const bus::Reply& reply) {
  const auto adopted = adopt_pages(pool, reply);
  const std::string name = pool.text("name");
  if (adopted.ok()) {
    without_pages_.erase(name);
  } else if (without_pages_.insert(name).second) {
    log::warn("admin-statistics-missing", {{"pool", name}, {"reason", adopted.error().what}});
  }
  one_done();
}

Result<void> Gatherer::adopt_pages(const bus::Dictionary& pool, const bus::Reply& reply) {
  if (!reply.ok()) return Error{0, reply.error.name + ": " + reply.error.message};
  UniqueFd fd = TRY(read_fd(reply.message));
  return pages_.adopt(pool, std::move(fd));
}

void Gatherer::finish_round() {
  Gathered gathered = error_.value_or(bus::CallError{});
  if (!error_) {
    snapshot_.traffic = pages_.read(snapshot_.pools);
    snapshot_.processes = {
        process_reader_.read("supervisor", static_cast<pid_t>(snapshot_.status.integer("pid"))),
        process_reader_.read("admin", ::getpid())};
    snapshot_.admin = own_counts_();
    snapshot_.gather_seconds = std::chrono::duration<double>(monotonic_now() - started_).count();
    gathered = std::move(snapshot_);
  }
  round_runs_ = false;
  for (const Done& done : std::exchange(served_, {})) done(gathered);
  if (!waiting_.empty() && !round_runs_) start_round();
}

}  // namespace sockherd::api
