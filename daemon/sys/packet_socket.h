// Packet sockets: pairs of connected SOCK_SEQPACKET sockets between supervisor and worker. A packet
// arrives whole or not at all, may carry a descriptor, and both sides learn when the other is gone.
//
// What the packets say is daemon/contract/message.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"

namespace sockherd::sys {

struct PacketPair {
  UniqueFd ours;
  UniqueFd theirs;
};

// Both ends are non-blocking and close-on-exec.
Result<PacketPair> create_packet_pair();

// Sends one packet and, if `passed` is not -1, a copy of that descriptor. Never blocks.
//
// Errors: EAGAIN when the other side does not read what was sent before, EPIPE and ECONNRESET when
// it is gone.
// Requires: `bytes` is not empty.
Result<void> send_packet(int fd, std::string_view bytes, int passed = -1);

// Whether some packets more will find room: the other side has read most of what it was sent.
bool has_room(int fd);

enum class PacketState : uint8_t {
  Packet,
  None,    // nothing waits now
  HungUp,  // the other side is gone, and all that it sent has been read
  Failed,  // a packet that was too long, or whose descriptor could not be taken over: it is lost
};

struct Packet {
  PacketState state = PacketState::None;
  std::string bytes;
  UniqueFd fd;  // the one that came along, close-on-exec; further ones are closed
};

// Takes one waiting packet, of at most 4096 bytes.
Packet receive_packet(int fd);

}  // namespace sockherd::sys
