// Client: the supervisor's control interface as seen from outside, for sockherdctl (blocking) and
// sockherd-admin (through an sd-event loop). The other half is daemon/supervisor/control_server.h.
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/bus/dictionary.h"
#include "daemon/bus/interface.h"

namespace sockherd::bus {

// A failed call: the D-Bus error name ("io.sockherd.Error.Busy", or org.freedesktop.DBus.Error.*
// for a lost connection or a time-out) and its message.
struct CallError {
  std::string name;
  std::string message;

  bool is_timeout() const { return name == SD_BUS_ERROR_TIMEOUT; }
  bool is_disconnected() const { return name == SD_BUS_ERROR_DISCONNECTED; }
};

// What a call brought back: the reply to read from, or the error. `reply` lives as long as the
// callback.
struct Reply {
  sd_bus_message* message = nullptr;  // null on error
  CallError error;

  bool ok() const { return message != nullptr; }
};

// The answer of Reload and Restart.
struct Outcome {
  bool ok = false;
  double seconds = 0;
  std::vector<std::string> reasons;
  std::string failure;  // "" = none; else a kFailed... of interface.h
};
Dictionary describe(const Outcome& outcome);
Result<Outcome> read_outcome(sd_bus_message* message);

class Client {
 public:
  // Connects to the control socket at `path`.
  // Errors: ENOENT or ECONNREFUSED (not running), EACCES (not in its group), EAGAIN (does not take
  // connections).
  static Result<Client> connect(const std::string& path);

  // Speaks over `socket`, one end of a socketpair whose other end the supervisor serves.
  static Result<Client> adopt(UniqueFd socket);

  // Serves replies from `loop` from now on. Needed for call_async.
  Result<void> attach(sd_event* loop);

  using Callback = std::function<void(const Reply&)>;

  // Arguments of a method: s, u, i, t in the order of its signature.
  using Argument = std::variant<std::string, uint32_t, int32_t, uint64_t>;
  using Arguments = std::vector<Argument>;

  // Calls `method` and calls back from the loop, exactly once: with the reply, an error, or a
  // time-out. Where the call cannot even be queued (connection lost), it calls back at once; where
  // the Client is destroyed first, never.
  void call_async(const char* method, const Arguments& arguments, std::chrono::milliseconds timeout,
                  const Callback& done);

  // Calls `method`, waits, and hands the reply (or error) to `done` before it returns. The time-out
  // also covers a supervisor that accepts the connection and then says nothing. Not from within a
  // callback.
  void call(const char* method, const Arguments& arguments, std::chrono::milliseconds timeout,
            const Callback& done);

  // False once the connection is lost; a Client does not reconnect.
  bool is_connected() const;

 private:
  struct Unref {  // without flush, which would wait for a peer that does not read
    void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
  };
  explicit Client(sd_bus* bus) : bus_(bus) {}
  Result<sd_bus_slot*> send(const char* method, const Arguments& arguments,
                            std::chrono::milliseconds timeout, Callback done);

  std::unique_ptr<sd_bus, Unref> bus_;
};

}  // namespace sockherd::bus
