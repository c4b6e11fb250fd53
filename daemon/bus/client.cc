#include "daemon/bus/client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>

#include "daemon/base/clock.h"

namespace sockherd::bus {
namespace {

struct MessageUnref {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, MessageUnref>;

Error bus_error(std::string_view call, int code) {
  return errno_error(call, -code);
}

Result<UniqueFd> connect_socket(const std::string& path) {
  sockaddr_un addr{};
  addr.sun_family = AF_UNIX;
  if (path.size() >= sizeof addr.sun_path) return errno_error("connect to " + path, ENAMETOOLONG);
  std::copy(path.begin(), path.end(), addr.sun_path);
  // Non-blocking, so that a full queue (a supervisor that hangs) is an error instead of a wait.
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&addr), sizeof addr) != 0)
    return errno_error("connect to " + path);
  return fd;
}

int append_argument(sd_bus_message* message, const std::string& text) {
  return sd_bus_message_append_basic(message, SD_BUS_TYPE_STRING, text.c_str());
}
int append_argument(sd_bus_message* message, uint32_t number) {
  return sd_bus_message_append_basic(message, SD_BUS_TYPE_UINT32, &number);
}
int append_argument(sd_bus_message* message, uint64_t number) {
  return sd_bus_message_append_basic(message, SD_BUS_TYPE_UINT64, &number);
}
int append_argument(sd_bus_message* message, int32_t number) {
  return sd_bus_message_append_basic(message, SD_BUS_TYPE_INT32, &number);
}

Result<Message> new_call(sd_bus* bus, const char* method, const Client::Arguments& arguments) {
  sd_bus_message* raw = nullptr;
  // No destination: there is only one peer.
  int r = sd_bus_message_new_method_call(bus, &raw, nullptr, kObject, kInterface, method);
  Message message(raw);
  for (const Client::Argument& argument : arguments)
    if (r >= 0)
      r = std::visit([raw](const auto& content) { return append_argument(raw, content); },
                     argument);
  if (r < 0) return bus_error(method, r);
  return message;
}

// sd-bus says NoReply for a time-out as well as for a lost connection; our callers ask which.
CallError call_error(sd_bus_message* message, const sd_bus_error& error) {
  const std::string_view name = error.name == nullptr ? SD_BUS_ERROR_FAILED : error.name;
  if (name != SD_BUS_ERROR_NO_REPLY)
    return {std::string(name), error.message == nullptr ? "" : error.message};
  if (sd_bus_is_open(sd_bus_message_get_bus(message)) > 0)
    return {SD_BUS_ERROR_TIMEOUT, "no answer in time"};
  return {SD_BUS_ERROR_DISCONNECTED, "the connection was lost"};
}

// The callback of one call, owned by its slot.
struct Waiting {
  Client::Callback done;
};

int on_reply(sd_bus_message* message, void* userdata, sd_bus_error* /*unused*/) {
  // Out of the slot first: the callback may destroy the client, and the slot with it.
  const Client::Callback done = std::move(static_cast<Waiting*>(userdata)->done);
  const sd_bus_error* error = sd_bus_message_get_error(message);
  if (error == nullptr)
    done(Reply{message, {}});
  else
    done(Reply{nullptr, call_error(message, *error)});
  return 1;
}

uint64_t microseconds(std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365);
  const auto bounded = std::clamp(timeout, std::chrono::milliseconds(1), kLongest);
  return static_cast<uint64_t>(std::chrono::microseconds(bounded).count());
}

CallError lost(const Error& error) {
  return {SD_BUS_ERROR_DISCONNECTED, error.what};
}

}  // namespace

Dictionary describe(const Outcome& outcome) {
  Dictionary dictionary;
  dictionary.set("ok", outcome.ok);
  dictionary.set("seconds", outcome.seconds);
  dictionary.set("reasons", outcome.reasons);
  dictionary.set("failure", outcome.failure);
  return dictionary;
}

Result<Outcome> read_outcome(sd_bus_message* message) {
  const Dictionary dictionary = TRY(read_dictionary(message));
  return Outcome{.ok = dictionary.boolean("ok"),
                 .seconds = dictionary.number("seconds"),
                 .reasons = dictionary.list("reasons"),
                 .failure = dictionary.text("failure")};
}

Result<Client> Client::connect(const std::string& path) {
  UniqueFd fd = TRY(connect_socket(path));
  return adopt(std::move(fd));
}

Result<Client> Client::adopt(UniqueFd socket) {
  sd_bus* bus = nullptr;
  int r = sd_bus_new(&bus);
  if (r < 0) return bus_error("sd_bus_new", r);
  Client client(bus);
  r = sd_bus_set_fd(bus, socket.get(), socket.get());
  if (r < 0) return bus_error("sd_bus_set_fd", r);
  static_cast<void>(socket.release());  // the bus closes it
  r = sd_bus_negotiate_fds(bus, 1);     // OpenStatistics brings one
  if (r >= 0) r = sd_bus_start(bus);
  if (r < 0) return bus_error("sd_bus_start", r);
  return client;
}

Result<void> Client::attach(sd_event* loop) {
  const int r = sd_bus_attach_event(bus_.get(), loop, SD_EVENT_PRIORITY_NORMAL);
  if (r < 0) return bus_error("sd_bus_attach_event", r);
  return {};
}

// Queues the call; the slot that comes back cancels it when it is unreferenced.
Result<sd_bus_slot*> Client::send(const char* method, const Arguments& arguments,
                                  std::chrono::milliseconds timeout, Callback done) {
  const Message message = TRY(new_call(bus_.get(), method, arguments));
  auto waiting = std::make_unique<Waiting>(Waiting{std::move(done)});
  sd_bus_slot* slot = nullptr;
  const int r = sd_bus_call_async(bus_.get(), &slot, message.get(), on_reply, waiting.get(),
                                  microseconds(timeout));
  if (r < 0) return bus_error(method, r);
  static_cast<void>(waiting.release());
  sd_bus_slot_set_destroy_callback(slot, [](void* owned) { delete static_cast<Waiting*>(owned); });
  return slot;
}

void Client::call_async(const char* method, const Arguments& arguments,
                        std::chrono::milliseconds timeout, const Callback& done) {
  const Result<sd_bus_slot*> slot = send(method, arguments, timeout, done);
  if (!slot.ok()) return done(Reply{nullptr, lost(slot.error())});
  sd_bus_slot_set_floating(slot.value(), 1);  // lives as long as the bus now
  sd_bus_slot_unref(slot.value());
}

void Client::call(const char* method, const Arguments& arguments, std::chrono::milliseconds timeout,
                  const Callback& done) {
  bool is_done = false;
  const Instant deadline = monotonic_now() + timeout;
  const Result<sd_bus_slot*> slot = send(method, arguments, timeout, [&](const Reply& reply) {
    is_done = true;
    done(reply);
  });
  if (!slot.ok()) return done(Reply{nullptr, lost(slot.error())});
  CallError error = {SD_BUS_ERROR_TIMEOUT, "no answer in time"};
  while (!is_done) {
    // sd-bus counts the time of a call only from the end of the handshake.
    const Duration rest = deadline - monotonic_now();
    if (rest <= Duration(0)) break;
    int r = sd_bus_process(bus_.get(), nullptr);
    if (r == 0)
      r = sd_bus_wait(bus_.get(), microseconds(std::chrono::ceil<std::chrono::milliseconds>(rest)));
    if (r >= 0 || r == -EINTR) continue;
    error = lost(bus_error(method, r));
    break;
  }
  sd_bus_slot_unref(slot.value());
  if (!is_done) done(Reply{nullptr, error});
}

bool Client::is_connected() const {
  return sd_bus_is_open(bus_.get()) > 0;
}

}  // namespace sockherd::bus
