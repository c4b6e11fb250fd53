// Control: calls to the daemon, with errors that name the remedy and carry an exit code.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/ctl/request.h"
#include "daemon/base/result.h"
#include "daemon/bus/client.h"

namespace sockherd::ctl {

class Control {
 public:
  // Connects to the control socket of the request.
  static Result<Control> open(const Request& request);

  Result<bus::Dictionary> status();
  Result<std::vector<bus::Dictionary>> pools() { return list("ListPools", {}); }
  Result<std::vector<bus::Dictionary>> workers(const std::string& pool);  // "" = of all
  Result<std::vector<bus::Dictionary>> listeners() { return list("ListListeners", {}); }

  struct Events {
    std::vector<bus::Dictionary> events;
    uint64_t next = 0;
    uint64_t lost = 0;
  };
  Result<Events> events(uint64_t since, uint32_t limit);

  // Answers the number that was wanted before.
  Result<uint32_t> set_workers(const std::string& pool, uint32_t count);
  Result<bus::Outcome> reload();
  Result<bus::Outcome> restart(const std::string& pool, int32_t slot);

  // Asks for a reload and does not wait for its end; answers the outcome where it comes at once, as
  // that of a faulty file does.
  Result<std::optional<bus::Outcome>> start_reload();

 private:
  Control(bus::Client client, std::chrono::milliseconds timeout)
      : client_(std::move(client)), timeout_(timeout) {}

  // Calls and reads the reply with `read`, a Result<T>(sd_bus_message*).
  template <typename T, typename Read>
  Result<T> call(const char* method, const bus::Client::Arguments& arguments, const Read& read);
  Result<std::vector<bus::Dictionary>> list(const char* method,
                                            const bus::Client::Arguments& arguments);
  Error explain(const bus::CallError& error, const bus::Client::Arguments& arguments);
  std::string meant_pool(const std::string& name);

  bus::Client client_;
  std::chrono::milliseconds timeout_;
};

// Why the control socket at `path` cannot be reached, by the errno of connect(2).
Error explain_connect(const std::string& path, const Error& error);

}  // namespace sockherd::ctl
