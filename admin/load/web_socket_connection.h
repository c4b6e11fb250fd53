// WebSocketConnection: the client side of RFC 6455; what it sends it expects to come back, unless
// it only listens.
//
// Between two messages it keeps nothing but its socket: what is unfinished is held by pointers.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "admin/load/connection.h"
#include "admin/load/response.h"
#include "daemon/websocket/handshake.h"

namespace sockherd::load {

// The handshake of a plan, up to the value of Sec-WebSocket-Key.
std::string write_handshake(const Plan& plan);

// What every message says behind its stamp: so many bytes.
std::string make_payload(uint64_t bytes);

// The stamp in front of a message: when it was due.
using Stamp = std::array<char, kStampBytes>;
Stamp stamp_of(uint64_t number);
std::optional<uint64_t> read_stamp(std::string_view payload);

// Why the answer to a handshake is none; nothing where it is.
std::optional<std::string_view> handshake_fault(const http::ReceivedHead& head,
                                                std::string_view key, const Plan& plan);

class WebSocketConnection final : public Connection {
 public:
  using Connection::Connection;

  void finish() override;

 private:
  struct Unfinished {
    explicit Unfinished(websocket::Receiver r) : receiver(std::move(r)) {}
    websocket::Receiver receiver;
    std::string rest;                              // bytes that it has not consumed
    std::array<char, websocket::kKeyBytes> key{};  // in the handshake
    size_t scanned = 0;                            // of its answer
  };

  void on_connected() override;
  bool take(std::span<char> bytes) override;
  void on_end() override;
  void on_closed() override;
  void write_message(Instant due) override;
  void flush() override;

  bool take_handshake(std::span<char> bytes);
  bool take_frames(std::span<char> bytes);
  bool take_step(const websocket::Receiver::Step& step);
  bool take_message(std::string_view payload);
  bool take_close(uint16_t code);
  void keep(std::span<char> bytes);
  uint64_t echo_stamp(uint32_t number_of_message) const;
  void send_frame(websocket::Opcode opcode, std::string_view payload, bool is_compressed);
  void put_or_keep(std::string_view bytes);

  std::unique_ptr<Unfinished> unfinished_;
  std::unique_ptr<std::string> unsent_;
  uint32_t sent_ = 0;
  uint32_t received_ = 0;
  bool has_close_ = false;  // a Close frame has come
};

}  // namespace sockherd::load
