#include "daemon/supervisor/readiness.h"

#include <utility>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/supervisor/address_owner.h"
#include "daemon/sys/accepted.h"

namespace sockherd::supervisor {
namespace {

constexpr size_t kMostSpeakers = 1024;  // of all configurations that there have been

std::string program_of(const config::Pool& pool) {
  std::string program = pool.name;
  for (const std::string& word : pool.command) program += '\0' + word;
  return program;
}

// Who has accepted it, where several might have.
Probe::Acceptor acceptor_of(int connection, pid_t worker, bool is_alone, bool is_ended,
                            bool is_answered) {
  const auto inode = sys::inode_of_peer(connection);
  if (!inode.ok()) {
    // An answer will tell that somebody has; without one nobody can.
    return is_alone && is_answered ? Probe::Acceptor::Ours : Probe::Acceptor::Unsure;
  }
  if (inode.value() == 0 && !is_ended) return Probe::Acceptor::Nobody;
  // Whoever has ended it had accepted it: in the queue it does not end.
  if (is_alone) return Probe::Acceptor::Ours;
  switch (sys::holds_socket(worker, inode.value())) {
    case sys::Holder::Yes:
      return Probe::Acceptor::Ours;
    case sys::Holder::No:
      return Probe::Acceptor::Another;
    case sys::Holder::Unknown:
      break;
  }
  return Probe::Acceptor::Unsure;
}

// What one that is never ready has failed to do.
std::string awaited_of(const config::ReadyRule& rule, const Readiness::Subject& subject) {
  const std::string where =
      subject.own_address ? " on " + subject.own_address->text() + ", which it was told" : "";
  const bool binds = config::handover_of(subject.pool) == config::Handover::ReusePort;
  switch (rule.kind) {
    case config::ReadyRule::Kind::Notify:
      return "it has not said READY=1";
    case config::ReadyRule::Kind::Http:
      return "GET " + rule.path + where + " was not answered with 2xx or 3xx";
    case config::ReadyRule::Kind::Connect:
    case config::ReadyRule::Kind::Seen:
      if (subject.own_address) return "nothing listens" + where;
      if (binds) return "it has not listened at the HOST and PORT that it was told";
      if (rule.kind == config::ReadyRule::Kind::Connect) return "it has accepted no connection";
      break;
    case config::ReadyRule::Kind::Alive:
      break;
  }
  return "";
}

}  // namespace

std::string Readiness::begin(fleet::WorkerId id, Subject subject) {
  const config::ReadyRule rule = config::ready_rule(subject.pool);
  std::string awaited = awaited_of(rule, subject);
  const std::string program = program_of(subject.pool);
  const auto reach = subject.own_address        ? ReadyWatch::Reach::Own
                     : subject.listener.empty() ? ReadyWatch::Reach::None
                                                : ReadyWatch::Reach::Shared;
  auto timer = Watch::timer(loop_, [this, id] { go_on(id); });
  waiting_.insert_or_assign(
      id, Waiting{.watch = {rule, reach, speakers_.contains(program), monotonic_now()},
                  .program = program,
                  .path = rule.path,
                  .pid = subject.pid,
                  .own_address = std::move(subject.own_address),
                  .listener = std::move(subject.listener),
                  .number = subject.number,
                  .is_alone = std::move(subject.is_alone)});
  const bool binds = config::handover_of(subject.pool) == config::Handover::ReusePort;
  if (binds && reach == ReadyWatch::Reach::Shared) waiting_.at(id).watch.will_listen();
  if (!timer) return awaited;  // start_timeout will tell, unless it says READY=1
  Watch& kept = waiting_.at(id).timer = std::move(timer).value();
  kept.arm(monotonic_now());  // never from in here: who starts it has more to do
  return awaited;
}

void Readiness::on_notification(fleet::WorkerId id, const sys::Notification& said) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  if (said.ready) {
    if (speakers_.size() >= kMostSpeakers) speakers_.clear();
    speakers_.insert(found->second.program);
    waiting_.erase(found);
    return;
  }
  found->second.watch.speaks();
  go_on(id);
}

void Readiness::listens(fleet::WorkerId id) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  found->second.watch.listens();
  go_on(id);
}

void Readiness::go_on(fleet::WorkerId id) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  Waiting& waiting = found->second;
  const ReadyWatch::Next next = waiting.watch.next(monotonic_now());
  switch (next.step) {
    case ReadyWatch::Step::Wait:
      next.at ? waiting.timer.arm(*next.at) : waiting.timer.disarm();
      return;
    case ReadyWatch::Step::Probe:
      if (!waiting.probe) probe(id, waiting);
      return;
    case ReadyWatch::Step::Ready:
      waiting_.erase(found);
      ready_(id);
      return;
  }
}

void Readiness::probe(fleet::WorkerId id, Waiting& waiting) {
  auto started = Probe::start(loop_, question_to(waiting),
                              [this, id](ProbeOutcome outcome) { on_probed(id, outcome); });
  if (started.ok()) {
    waiting.probe = std::move(started).value();
    return;
  }
  // An address that refuses at once (a Unix socket that is not there yet), or no descriptor left.
  waiting.watch.probed(ProbeOutcome::Failed, monotonic_now());
  const auto next = waiting.watch.next(monotonic_now());
  waiting.timer.arm(next.at.value_or(monotonic_now()));
}

Probe::Question Readiness::question_to_own(const Waiting& waiting) {
  Probe::Question question{.address = *waiting.own_address, .path = waiting.path};
  if (question.address.is_unix()) return question;  // its directory is the worker's
  question.acceptor = [pid = waiting.pid](int connection, bool is_ended) {
    return owner_of_address(connection, pid, is_ended);
  };
  return question;
}

Probe::Question Readiness::question_to(const Waiting& waiting) {
  if (waiting.own_address) return question_to_own(waiting);
  const std::string& listener = waiting.listener;
  return {.address = listeners_.inside_address(listener),
          .path = waiting.path,
          .acceptor =
              [&waiting](int connection, bool is_ended) {
                return acceptor_of(connection, waiting.pid, waiting.is_alone(), is_ended,
                                   !waiting.path.empty());
              },
          .aim =
              [this, &listener, number = waiting.number](uint16_t port) {
                return listeners_.aim(listener, {.from = port, .number = number}).ok();
              },
          .aimed = [this, &listener] { listeners_.end_aim(listener); }};
}

void Readiness::on_probed(fleet::WorkerId id, ProbeOutcome outcome) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  Waiting& waiting = found->second;
  const std::unique_ptr<Probe> done = std::move(waiting.probe);
  if (outcome == ProbeOutcome::Unsure) {
    log::info("probe-undecided", {{"pid", waiting.pid},
                                  {"listener", waiting.listener},
                                  {"why", "the kernel does not say who has accepted it"}});
  }
  if (outcome == ProbeOutcome::Elsewhere && waiting.own_address &&
      !std::exchange(waiting.has_met_another, true)) {
    log::warn("address-taken", {{"pid", waiting.pid},
                                {"address", waiting.own_address->text()},
                                {"why", "another program listens there"}});
  }
  waiting.watch.probed(outcome, monotonic_now());
  go_on(id);
}

}  // namespace sockherd::supervisor
