// QueueRelays: errands that empty the queue of a slot whose program is gone. A command knows
// nothing of a sibling's queue, so sockherd-worker takes what waits there and passes it on
// (worker/queue_relay.h).
//
// An errand ends by itself; one that a predecessor has started, too. One a socket at a time. Where
// one has passed nothing on (no port left, no descriptor), the next one comes after a pause that
// grows to a minute; what waits is safe in the queue.
#pragma once

#include <systemd/sd-event.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "daemon/base/growing_pause.h"
#include "daemon/base/instant.h"
#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/supervisor/watch.h"
#include "daemon/sys/address.h"

namespace sockherd::supervisor {

class QueueRelays {
 public:
  using Socket = std::pair<std::string, uint32_t>;  // listener and number

  QueueRelays(sd_event* loop, std::string program) : loop_(loop), program_(std::move(program)) {}

  // Something waits in this socket, and nobody attends to it; `now` decides whether for long
  // enough. address: of the listener. Errors: it could not be started, or the last one was of no
  // use; it is tried again.
  Result<void> look(const Socket& socket, const std::string& pool, int fd,
                    const sys::SocketAddress& address, Duration patience, Instant now);
  // Somebody attends to it, or nothing waits.
  void forget(const Socket& socket) { neglected_.erase(socket); }

  // A worker accepts there: an errand leaves it to that one, and finishes what it has.
  void leave(const Socket& socket);

  // Whether an errand accepts there now.
  bool is_at(const Socket& socket) const;

  // Counts what the errands have done. To be called now and then.
  void count_all();

  // Connections that were passed on, by pool.
  const std::map<std::string, uint64_t>& passed() const { return passed_; }
  uint64_t passed(const std::string& pool) const {
    const auto found = passed_.find(pool);
    return found == passed_.end() ? 0 : found->second;
  }
  void set_passed(std::map<std::string, uint64_t> before) { passed_ = std::move(before); }

 private:
  struct Neglected {
    Instant since;
    GrowingPause pause{std::chrono::seconds(1), std::chrono::minutes(1)};
    Instant again_at{};
    bool was_in_vain = false;  // the last errand
  };
  struct Errand {
    std::string pool;
    Socket socket;
    UniqueFd counter;  // hung up: it accepts no more
    uint64_t passed = 0;
    Watch exit;
  };
  Result<void> start(const Socket& socket, const std::string& pool, int fd,
                     const sys::SocketAddress& address);
  void on_exit(pid_t pid);
  void count(Errand& errand);

  sd_event* loop_;
  std::string program_;
  std::map<Socket, Neglected> neglected_;
  std::map<pid_t, Errand> errands_;
  std::map<std::string, uint64_t> passed_;
};

}  // namespace sockherd::supervisor
