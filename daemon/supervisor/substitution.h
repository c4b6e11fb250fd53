// Substitution: what a command line and an environment may say about the worker that they start.
//
//   {fd:LISTENER}   the number of the descriptor that it gets for this listener
//   {port}          the port that it binds, or that its first listener has
//   {socket}        the path of the Unix socket that it binds
//   {slot} {generation} {pool}   who it is
//   {{              one brace
//
// Whatever else stands in braces stays as it is: JSON and templates are frequent arguments. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sockherd::supervisor {

struct Marks {
  std::vector<std::pair<std::string, int>> fds;  // by listener
  std::string port;                              // "" = there is none: {port} stays
  std::string socket;                            // "" = there is none
  std::string pool;
  uint32_t slot = 0;
  uint32_t generation = 0;
};

std::string substitute(std::string_view text, const Marks& marks);

}  // namespace sockherd::supervisor
