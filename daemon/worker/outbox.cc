#include "daemon/worker/outbox.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace sockherd::worker {
namespace {

// Up to here copying a frame is cheaper than sending it from where it is.
constexpr size_t kShort = 4096;

// Of a string that short frames are gathered in, when the block is full.
constexpr size_t kGathered = size_t{32} * 1024;

constexpr size_t kKeptPieces = 64;

}  // namespace

void Outbox::add(websocket::FrameHead head, std::string_view payload) {
  head.payload_bytes = payload.size();
  const size_t most = websocket::kMaxFrameHead + payload.size();
  if (!has_pieces()) {
    const std::span<char> room = block_.room();
    if (most <= room.size()) {
      const size_t begin =
          websocket::write_frame_head(head, room.first<websocket::kMaxFrameHead>());
      if (!payload.empty()) std::memcpy(room.data() + begin, payload.data(), payload.size());
      block_.commit(begin + payload.size());
      unsent_ += begin + payload.size();
      return;
    }
  }
  std::string* last = has_pieces() ? std::get_if<std::string>(&pieces_.back()) : nullptr;
  if (last == nullptr || last->capacity() - last->size() < most) {
    last = &std::get<std::string>(pieces_.emplace_back(std::string()));
    last->reserve(most < kShort ? kGathered : most);
  }
  const size_t before = last->size();
  websocket::append_frame(*last, head, payload);
  unsent_ += last->size() - before;
}

void Outbox::add(std::shared_ptr<const rooms::Message> message) {
  unsent_ += message->frame().size();
  pieces_.emplace_back(std::move(message));
}

std::string_view Outbox::bytes_of(const Piece& piece) {
  if (const auto* text = std::get_if<std::string>(&piece)) return *text;
  return (*std::get_if<std::shared_ptr<const rooms::Message>>(&piece))->frame();
}

// Puts short pieces into the block, so that they leave together. One alone is sent from where it
// is.
void Outbox::gather() {
  if (block_.is_empty()) {
    if (pieces_.size() - first_ < 2) return;
    block_.restart();
  }
  while (has_pieces()) {
    const std::string_view piece = first_piece();
    if (piece.size() > kShort || piece.size() > block_.room_bytes()) return;
    block_.append(piece);
    end_first_piece();
  }
}

void Outbox::end_first_piece() {
  pieces_[first_] = std::string();
  ++first_;
  sent_of_first_ = 0;
  if (has_pieces()) return;
  pieces_.clear();
  first_ = 0;
}

Outbox::Part Outbox::choose() const {
  if (block_.is_empty()) return has_pieces() ? Part::Piece : Part::None;
  return has_pieces() ? Part::Both : Part::Block;
}

io::Outcome Outbox::send(io::Socket& socket, Part part) {
  switch (part) {
    case Part::None:
      break;
    case Part::Block:
      return socket.send(block_.bytes());
    case Part::Piece:
      return socket.send(first_piece());
    case Part::Both:
      return socket.send_two(block_.bytes(), first_piece());
  }
  return {};
}

void Outbox::consume(size_t sent) {
  unsent_ -= sent;
  const size_t of_block = std::min(sent, block_.size());
  block_.consume(of_block);
  sent -= of_block;
  if (sent == 0) return;
  sent_of_first_ += sent;
  if (first_piece().empty()) end_first_piece();
}

FlushOutcome Outbox::flush(io::Socket& socket) {
  size_t sent = 0;
  while (!is_empty()) {
    Part part = std::exchange(under_way_, Part::None);
    if (part == Part::None) {
      gather();
      part = choose();
    }
    const io::Outcome outcome = send(socket, part);
    consume(outcome.bytes);
    sent += outcome.bytes;
    if (outcome.state == io::State::Blocked) {
      // What is left of both may be one of them.
      under_way_ = part == Part::Both ? choose() : part;
      return {FlushState::Blocked, sent};
    }
    if (outcome.state != io::State::Done) return {FlushState::Broken, sent};
  }
  block_.restart();
  return {FlushState::Done, sent};
}

void Outbox::release_if_empty() {
  block_.release_if_empty();
  if (pieces_.capacity() > kKeptPieces && pieces_.empty()) std::vector<Piece>().swap(pieces_);
}

}  // namespace sockherd::worker
