#include "daemon/worker/access_file.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace sockherd::worker {
namespace {

constexpr int kHow = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
constexpr mode_t kMode = 0640;

bool is_stdout(std::string_view where) {
  return where == "stdout";
}

std::string remedy(int code) {
  switch (code) {
    case ENOENT:
      return "; create its directory";
    case EACCES:
    case EPERM:
    case EROFS:
      return "; the user that the workers run as must be able to append to it, and with "
             "ProtectSystem= the unit must name its directory: LogsDirectory= or ReadWritePaths=";
    case ENXIO:
      return "; nobody reads from this FIFO";
    case EISDIR:
      return "; name a file in it";
    default:
      return "";
  }
}

// The open file is shared with others, who may want it to block. So ours is another one on the same
// pipe or terminal; a socket has none, and is written to without blocking.
UniqueFd open_stdout() {
  UniqueFd fd(::open("/proc/self/fd/1", kHow));
  if (fd) return fd;
  return UniqueFd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
}

// A new file has that mode whatever the mask of the service is, which leaves its group nothing.
UniqueFd open_path(const char* path) {
  UniqueFd fd(::open(path, kHow | O_CREAT | O_EXCL, kMode));
  if (fd) [[maybe_unused]]
    const int refused = ::fchmod(fd.get(), kMode);
  return fd ? std::move(fd) : UniqueFd(::open(path, kHow | O_CREAT, kMode));
}

Colours colours_for(int fd) {
  const char* terminal = std::getenv("TERM");
  const char* without = std::getenv("NO_COLOR");  // https://no-color.org
  const bool is_dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  const bool is_unwanted = without != nullptr && *without != '\0';
  return ::isatty(fd) == 1 && !is_dumb && !is_unwanted ? Colours::On : Colours::Off;
}

}  // namespace

AccessFile::AccessFile(const AccessTarget& target, Opened opened, Colours colours)
    : where_(target.where),
      opened_(std::move(opened)),
      format_(target.style, colours, target.pool, target.slot),
      text_(std::make_unique_for_overwrite<char[]>(kEnough + kMostLineBytes)) {}

Result<AccessFile::Opened> AccessFile::open_target(const std::string& where) {
  UniqueFd fd = is_stdout(where) ? open_stdout() : open_path(where.c_str());
  if (!fd) {
    Error error = errno_error("open");
    error.what += remedy(error.code);
    return error;
  }
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return errno_error("fstat");
  Kind kind = Kind::Stream;
  if (S_ISREG(st.st_mode)) kind = Kind::Regular;
  if (S_ISSOCK(st.st_mode)) kind = Kind::Socket;
  return Opened{std::move(fd), kind};
}

Result<std::unique_ptr<AccessSink>> AccessFile::open(const AccessTarget& target) {
  Opened opened = TRY(open_target(target.where));
  const Colours colours = is_stdout(target.where) ? colours_for(opened.fd.get()) : Colours::Off;
  return std::unique_ptr<AccessSink>(new AccessFile(target, std::move(opened), colours));
}

Result<void> AccessFile::reopen() {
  if (is_stdout(where_)) return {};
  opened_ = TRY(open_target(where_));
  is_torn_ = false;
  return {};
}

void AccessFile::put(const AccessRecord& record, Duration boot) {
  if (used_ == 0 && is_torn_) text_[used_++] = '\n';
  const char* end = format_.write(record, boot, text_.get() + used_);
  used_ = static_cast<size_t>(end - text_.get());
}

// All of it, or whole lines that go in one piece; a line that is longer alone.
size_t AccessFile::next_piece(size_t from) const {
  const std::string_view rest(text_.get() + from, used_ - from);
  if (opened_.kind == Kind::Regular || rest.size() <= PIPE_BUF) return rest.size();
  const size_t last = rest.substr(0, PIPE_BUF).rfind('\n');
  return (last == std::string_view::npos ? rest.find('\n') : last) + 1;
}

long AccessFile::write_some(size_t from, size_t bytes) const {
  const char* text = text_.get() + from;
  if (opened_.kind != Kind::Socket) return ::write(opened_.fd.get(), text, bytes);
  return ::send(opened_.fd.get(), text, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
}

AccessSink::Written AccessFile::flush(const WaitForRoom& wait_for_room) {
  Written written;
  size_t sent = 0;
  while (sent < used_) {
    const long result = write_some(sent, next_piece(sent));
    if (result > 0) {
      sent += static_cast<size_t>(result);
      is_torn_ = text_[sent - 1] != '\n';
      continue;
    }
    const int code = errno;
    if (result < 0 && code == EINTR) continue;
    if (result < 0 && code == EAGAIN && wait_for_room(opened_.fd.get())) continue;
    written.error = errno_error("write", code);
    break;
  }
  // The line feed that ends a torn line is nobody's record.
  const bool had_repair = used_ > 0 && text_[0] == '\n';
  const auto lines = [this](size_t from, size_t to) {
    return static_cast<uint64_t>(std::count(text_.get() + from, text_.get() + to, '\n'));
  };
  written.lost = lines(sent, used_);
  written.records = lines(0, sent);
  if (had_repair) --(sent == 0 ? written.lost : written.records);
  used_ = 0;
  return written;
}

}  // namespace sockherd::worker
