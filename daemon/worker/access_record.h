// AccessRecord: what the access log says of one request, or of a connection that was refused.
//
// On its way from the loop to the writer's thread it is AccessFacts, which is plain bytes, with the
// texts of the client behind it. They are cut on the way in (AccessLimits), so that a record and
// the line made of it have a largest size. What is cut ends with "...".
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/base/instant.h"

namespace sockherd::worker {

// The other end of a connection; the port is not logged. IPv4 within IPv6 is IPv4.
struct ClientAddress {
  uint16_t family = AF_UNSPEC;
  std::array<unsigned char, 16> bytes{};

  // Of a connected socket. Costs a system call; AF_UNSPEC where it fails.
  static ClientAddress of(int fd);
  static ClientAddress from(const sockaddr_storage& address);
  bool is_known() const { return family != AF_UNSPEC; }
};

struct AccessLimits {
  static constexpr size_t kLine = 8192;  // the default of max_target_size
  static constexpr size_t kReferer = 1024;
  static constexpr size_t kUserAgent = 1024;
  static constexpr size_t kHost = 256;
  static constexpr size_t kTexts = kLine + kReferer + kUserAgent + kHost;
};

// The fixed part.
struct AccessFacts {
  Duration began{0};           // since boot, as Instant: the first byte of the request
  Duration took{0};            // until the kernel had the last byte of the answer
  uint64_t content_bytes = 0;  // of the answer's content that have left
  uint16_t status = 0;
  bool is_valid = false;     // the line is METHOD SP target SP version
  bool is_complete = false;  // the answer has left as a whole
  ClientAddress client;
  uint16_t line_bytes = 0;
  uint16_t referer_bytes = 0;
  uint16_t user_agent_bytes = 0;
  uint16_t host_bytes = 0;

  size_t text_bytes() const {
    return size_t{line_bytes} + referer_bytes + user_agent_bytes + host_bytes;
  }
};

struct AccessRecord {
  AccessFacts facts;
  std::string_view line;  // the request line, or as much as came of it
  std::string_view referer;
  std::string_view user_agent;
  std::string_view host;

  // One that begins with facts and has their texts behind it, as AccessRing holds it. The views
  // point into `bytes`.
  static AccessRecord decode(std::string_view bytes);
};

inline constexpr size_t kMostRecordBytes = sizeof(AccessFacts) + AccessLimits::kTexts;

}  // namespace sockherd::worker
