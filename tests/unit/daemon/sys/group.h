// What tests of a SO_REUSEPORT group share: the group, and who got how many connections.
#pragma once

#include <vector>

#include "daemon/sys/listen_socket.h"
#include "tests/unit/daemon/sys/peers.h"

namespace sockherd::sys {

inline std::vector<UniqueFd> make_group(size_t members) {
  std::vector<UniqueFd> group;
  auto first = bind_listener(parsed("127.0.0.1:0"), Sharing::ReusePort, 4096, 0);
  EXPECT_TRUE(first.ok()) << first.error().what;
  group.push_back(std::move(first).value());
  while (group.size() < members) {
    auto clone = clone_listener(group.front().get());
    EXPECT_TRUE(clone.ok()) << clone.error().what;
    group.push_back(std::move(clone).value());
  }
  return group;
}

// Connects so often, and answers how many connections each member got.
inline std::vector<int> shares_of(const std::vector<UniqueFd>& group, int connections) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < connections; ++i) {
    clients.push_back(connect_to(address_of(group.front())));
    EXPECT_TRUE(clients.back());
  }
  std::vector<int> shares;
  int sum = 0;
  for (const UniqueFd& member : group) {
    shares.push_back(accept_all(member));
    sum += shares.back();
  }
  EXPECT_EQ(sum, connections);
  return shares;
}

}  // namespace sockherd::sys
