#include "daemon/worker/access_record.h"

#include <netinet/in.h>

#include <cstring>
#include <type_traits>

namespace sockherd::worker {

static_assert(std::is_trivially_copyable_v<AccessFacts>);

ClientAddress ClientAddress::from(const sockaddr_storage& address) {
  ClientAddress client{.family = address.ss_family};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    std::memcpy(client.bytes.data(), &v4.sin_addr, sizeof v4.sin_addr);
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    constexpr size_t kMappedAt = 12;  // ::ffff:a.b.c.d
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
      client.family = AF_INET;
      std::memcpy(client.bytes.data(), v6.s6_addr + kMappedAt, sizeof(in_addr));
    } else {
      std::memcpy(client.bytes.data(), v6.s6_addr, sizeof v6);
    }
  }
  return client;
}

ClientAddress ClientAddress::of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return from(address);
}

AccessRecord AccessRecord::decode(std::string_view bytes) {
  AccessRecord record;
  std::memcpy(&record.facts, bytes.data(), sizeof record.facts);
  bytes.remove_prefix(sizeof record.facts);
  const auto take = [&bytes](size_t size) {
    const std::string_view text = bytes.substr(0, size);
    bytes.remove_prefix(text.size());
    return text;
  };
  record.line = take(record.facts.line_bytes);
  record.referer = take(record.facts.referer_bytes);
  record.user_agent = take(record.facts.user_agent_bytes);
  record.host = take(record.facts.host_bytes);
  return record;
}

}  // namespace sockherd::worker
