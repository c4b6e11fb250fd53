// Outbox: frames of one WebSocket that have not left yet, in order.
//
// Short ones stand one behind the other in a block and leave in one send; long ones, and those that
// many receivers share, are sent from where they are. What is being sent stays where it is until
// it has left (io/socket.h).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/io/socket.h"
#include "daemon/rooms/message.h"
#include "daemon/websocket/frame.h"
#include "daemon/worker/buffer.h"
#include "daemon/worker/output.h"

namespace sockherd::worker {

class Outbox {
 public:
  explicit Outbox(BufferPool& pool) : block_(pool) {}

  bool is_empty() const { return unsent_ == 0; }
  size_t unsent() const { return unsent_; }

  // Copies the payload.
  void add(websocket::FrameHead head, std::string_view payload);
  // Shares the frame.
  void add(std::shared_ptr<const rooms::Message> message);

  // Sends what it can: Done, Blocked or Broken. Keeps its memory for the next frame.
  FlushOutcome flush(io::Socket& socket);
  bool is_blocked() const { return under_way_ != Part::None; }

  // Gives back the memory that holds nothing.
  void release_if_empty();

 private:
  enum class Part : uint8_t { None, Block, Piece, Both };
  // A string is ours; its capacity is never exceeded once it is made.
  using Piece = std::variant<std::string, std::shared_ptr<const rooms::Message>>;

  static std::string_view bytes_of(const Piece& piece);
  std::string_view first_piece() const { return bytes_of(pieces_[first_]).substr(sent_of_first_); }
  bool has_pieces() const { return first_ < pieces_.size(); }
  void gather();
  void end_first_piece();
  Part choose() const;
  io::Outcome send(io::Socket& socket, Part part);
  void consume(size_t sent);

  Buffer block_;               // goes first
  std::vector<Piece> pieces_;  // behind it
  size_t first_ = 0;           // of pieces_, that has not left
  size_t sent_of_first_ = 0;
  size_t unsent_ = 0;
  Part under_way_ = Part::None;  // to be sent again as it was
};

}  // namespace sockherd::worker
