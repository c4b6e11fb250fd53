// ReadyWatch: when a command counts as ready that has not said READY=1. Pure: it is told what was
// seen, and when.
//
// Whoever says READY=1 is ready, whatever the rule, and needs no watch any more. Without a rule of
// the configuration (Seen):
//   - a program that has shown that it speaks to us (STATUS= before READY=1, or READY=1 in an
//     earlier life) is waited for: it knows best;
//   - one with an address of its own is ready when a connection to it is made;
//   - else it is ready once it is seen to listen, or has lived for a second.
// A rule that asks for a probe and cannot have one (ProbeOutcome::Unsure) is as one that asks for a
// second of life: whoever asked for more would wait for ever.
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/base/instant.h"
#include "daemon/config/commands.h"

namespace sockherd::supervisor {

enum class ProbeOutcome : uint8_t {
  Passed,
  Failed,     // refused, late, or not the right answer
  Elsewhere,  // another worker took it
  Unsure,     // nobody can say who took it, and never will
};

class ReadyWatch {
 public:
  enum class Step : uint8_t { Wait, Probe, Ready };
  struct Next {
    Step step = Step::Wait;
    std::optional<Instant> at;  // of Wait: look again then; nothing = until something is seen
  };

  // What there is to be probed.
  enum class Reach : uint8_t {
    None,
    Own,     // an address of its own: who answers there is the worker
    Shared,  // the socket of its slot
  };

  ReadyWatch(config::ReadyRule rule, Reach reach, bool is_speaker, Instant born)
      : rule_(std::move(rule)), reach_(reach), is_speaker_(is_speaker), born_(born) {}

  void will_listen() { will_listen_ = true; }  // and that will be seen
  void speaks() { is_speaker_ = true; }        // it said something, and not READY=1
  void listens() { is_listening_ = true; }
  void probed(ProbeOutcome outcome, Instant now);

  Next next(Instant now) const;

 private:
  Next when_alive(Instant now, Duration time) const;
  Next when_probed(Instant now) const;

  config::ReadyRule rule_;
  Reach reach_;
  bool will_listen_ = false;
  bool is_speaker_;
  Instant born_;
  bool is_listening_ = false;
  bool has_passed_ = false;
  bool is_unsure_ = false;
  uint32_t probes_ = 0;
  Instant probe_at_{};
};

}  // namespace sockherd::supervisor
