#include "daemon/worker/access_journal.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace sockherd::worker {
namespace {

// syslog(3). An answer of ours that says that the fault is ours stands out in journalctl.
constexpr std::string_view kInfo = "6";
constexpr std::string_view kWarning = "4";

// Values with a line feed need the length in front; ours have none (see write_combined_text).
void add(std::string& entry, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  entry.append(name).append("=").append(value).append("\n");
}

void add_text(std::string& entry, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  entry.append(name).append("=");
  const size_t at = entry.size();
  entry.resize(at + value.size() * kMostEscaped);
  const char* end = write_combined_text(value, entry.data() + at);
  entry.resize(static_cast<size_t>(end - entry.data()));
  entry.append("\n");
}

}  // namespace

AccessJournal::AccessJournal(const AccessTarget& target, UniqueFd fd, std::string socket)
    : fd_(std::move(fd)),
      socket_(std::move(socket)),
      format_(target.style, Colours::Off, target.pool, target.slot),
      constant_("SYSLOG_IDENTIFIER=sockherd-access\nSOCKHERD_POOL=" + target.pool +
                "\nSOCKHERD_SLOT=" + std::to_string(target.slot) + "\n"),
      message_(std::make_unique_for_overwrite<char[]>(kMostLineBytes)) {}

Result<std::unique_ptr<AccessSink>> AccessJournal::open(const AccessTarget& target,
                                                        std::string socket) {
  if (socket.size() >= sizeof sockaddr_un{}.sun_path) return Error{ENAMETOOLONG, socket};
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("socket");
  return std::unique_ptr<AccessSink>(new AccessJournal(target, std::move(fd), std::move(socket)));
}

std::string& AccessJournal::next_entry() {
  if (count_ == entries_.size()) entries_.emplace_back();
  std::string& entry = entries_[count_++];
  entry.clear();
  return entry;
}

void AccessJournal::put(const AccessRecord& record, Duration boot) {
  std::string& entry = next_entry();
  const AccessFacts& facts = record.facts;
  const char* end = format_.write(record, boot, message_.get());
  add(entry, "MESSAGE", {message_.get(), static_cast<size_t>(end - message_.get()) - 1});
  add(entry, "PRIORITY", facts.status >= 500 ? kWarning : kInfo);
  entry += constant_;
  std::array<char, 64> address;
  const char* address_end = write_address(facts.client, address.data());
  add(entry, "HTTP_CLIENT", {address.data(), static_cast<size_t>(address_end - address.data())});
  const RequestLine request = RequestLine::split(record);
  add_text(entry, "HTTP_METHOD", request.method);
  add_text(entry, "HTTP_TARGET", request.target);
  add_text(entry, "HTTP_PROTOCOL", request.version);
  add_text(entry, "HTTP_HOST", record.host);
  add(entry, "HTTP_STATUS", std::to_string(facts.status));
  add(entry, "HTTP_BYTES", std::to_string(facts.content_bytes));
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(facts.took);
  add(entry, "HTTP_DURATION_USEC", std::to_string(std::max<int64_t>(took.count(), 0)));
  add_text(entry, "HTTP_REFERER", record.referer);
  add_text(entry, "HTTP_USER_AGENT", record.user_agent);
}

// By its path each time: a journal that was started anew has another socket there.
int AccessJournal::send(const std::string& entry, const WaitForRoom& wait_for_room) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.c_str(), socket_.size() + 1);
  for (;;) {
    const ssize_t sent = ::sendto(fd_.get(), entry.data(), entry.size(), MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&address), sizeof address);
    if (sent >= 0) return 0;
    const int code = errno;
    if (code == EINTR) continue;
    if (code != EAGAIN || !wait_for_room(kNoEvent)) return code;
  }
}

AccessSink::Written AccessJournal::flush(const WaitForRoom& wait_for_room) {
  Written written;
  for (size_t i = 0; i < count_; ++i) {
    const int code = send(entries_[i], wait_for_room);
    ++(code == 0 ? written.records : written.lost);
    if (code != 0) written.error = errno_error("send to the journal", code);
  }
  count_ = 0;
  return written;
}

}  // namespace sockherd::worker
