#include "admin/load/tally.h"

#include <cerrno>

namespace sockherd::load {
namespace {

constexpr std::array<std::string_view, kFailures> kNames = {
    "refused",     "reset",        "closed early",  "connect timeout", "answer timeout",
    "unreachable", "no free port", "no descriptor", "no memory",       "handshake refused",
    "bad answer",  "wrong echo",   "other"};
static_assert(!kNames.back().empty(), "each has a name");

}  // namespace

std::string_view name_of(Failure failure) {
  return kNames[static_cast<size_t>(failure)];
}

Failure failure_of(int code) {
  switch (code) {
    case ECONNREFUSED:
    case ENOENT:  // a Unix socket that is not there
      return Failure::Refused;
    case ECONNRESET:
    case EPIPE:
      return Failure::Reset;
    case ETIMEDOUT:
      return Failure::ConnectTimeout;
    case EHOSTUNREACH:
    case ENETUNREACH:
      return Failure::Unreachable;
    case EADDRNOTAVAIL:
    case EADDRINUSE:
      return Failure::NoPort;
    case EMFILE:
    case ENFILE:
      return Failure::NoDescriptor;
    case ENOMEM:
    case ENOBUFS:
      return Failure::NoMemory;
    default:
      return Failure::Other;
  }
}

}  // namespace sockherd::load
