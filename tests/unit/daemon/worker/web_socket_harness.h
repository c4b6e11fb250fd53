// For tests of WebSockets: handlers that remember what they heard, and a client that speaks frames.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/websocket/frame.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/web_socket.h"
#include "tests/unit/daemon/worker/harness.h"

namespace sockherd::worker {

using websocket::FrameHead;
using websocket::Kind;
using websocket::Opcode;

inline const std::string kHandshakeFields =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

inline std::string handshake(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + kHandshakeFields +
         std::string(fields) + "\r\n";
}

// What a client sends.
inline std::string masked(FrameHead head, std::string_view payload) {
  head.is_masked = true;
  head.mask = websocket::MaskingKey({'\x11', '\x22', '\x33', '\x44'});
  std::string bytes;
  websocket::append_frame(bytes, head, payload);
  return bytes;
}
inline std::string text(std::string_view payload) {
  return masked({.opcode = Opcode::Text}, payload);
}

// Frames of the server as text, one a line: "text hello", "close 1000 bye", "ping", "pong x".
inline std::string read_frames(std::string_view bytes) {
  std::string said;
  while (!bytes.empty()) {
    FrameHead head;
    const auto parse = websocket::parse_frame_head(bytes, websocket::Role::Client,
                                                   websocket::Extension::Deflate, head);
    if (parse.state != websocket::FrameParse::State::Complete ||
        bytes.size() - parse.bytes < head.payload_bytes) {
      return said + "(unfinished)";
    }
    std::string payload(bytes.substr(parse.bytes, head.payload_bytes));
    bytes.remove_prefix(parse.bytes + head.payload_bytes);
    static const std::map<Opcode, std::string> kNames = {{Opcode::Continuation, "continuation"},
                                                         {Opcode::Text, "text"},
                                                         {Opcode::Binary, "binary"},
                                                         {Opcode::Close, "close"},
                                                         {Opcode::Ping, "ping"},
                                                         {Opcode::Pong, "pong"}};
    if (head.opcode == Opcode::Close && payload.size() >= 2) {
      const int code =
          static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
      payload = std::to_string(code) + (payload.size() > 2 ? " " : "") + payload.substr(2);
    }
    if (payload.size() > 200) payload = std::to_string(payload.size()) + " bytes";
    said += kNames.at(head.opcode) + (head.is_compressed ? " compressed" : "") +
            (payload.empty() ? "" : " ") + payload + "\n";
  }
  return said;
}

// Does what the test says, and remembers what it heard.
class TestSocket final : public Handler, public WebSocketHandler {
 public:
  std::unique_ptr<Job> handle(const Request& /*request*/, Exchange& exchange) override {
    accepted = exchange.accept_web_socket(terms, *this, context);
    return nullptr;
  }
  void on_open(WebSocket& socket) override {
    heard += "open\n";
    sockets.push_back(&socket);
    if (on_open_do) on_open_do(socket);
  }
  void on_message(WebSocket& socket, Kind kind, std::string_view payload) override {
    const std::string shown =
        payload.size() > 200 ? std::to_string(payload.size()) + " bytes" : std::string(payload);
    heard += (kind == Kind::Text ? "text " : "binary ") + shown + "\n";
    if (on_message_do) on_message_do(socket, kind, payload);
  }
  void on_close(WebSocket& socket, uint16_t code, std::string_view reason) override {
    heard +=
        "close " + std::to_string(code) + (reason.empty() ? "" : " ") + std::string(reason) + "\n";
    std::erase(sockets, &socket);
  }
  void on_writable(WebSocket& socket) override {
    heard += "writable\n";
    if (on_writable_do) on_writable_do(socket);
  }
  std::string take_heard() { return std::exchange(heard, ""); }

  WebSocketTerms terms;
  void* context = nullptr;
  bool accepted = false;
  std::vector<WebSocket*> sockets;
  std::function<void(WebSocket&)> on_open_do;
  std::function<void(WebSocket&, Kind, std::string_view)> on_message_do;
  std::function<void(WebSocket&)> on_writable_do;
  std::string heard;
};

inline void echo(WebSocket& socket, Kind kind, std::string_view payload) {
  socket.send(kind, payload);
}

// A harness with a TestSocket at /ws.
struct WebSocketHarness : Harness {
  explicit WebSocketHarness(const Limits& limits = {}) : Harness(limits) {
    auto made = std::make_unique<TestSocket>();
    test = made.get();
    test->on_message_do = echo;
    router().add("/ws", std::move(made));
  }

  // A client with an open WebSocket.
  Client open(std::string_view fields = "") {
    Client client = connect();
    const std::string answer = exchange(client, handshake("/ws", fields));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << answer;
    EXPECT_EQ(test->take_heard(), "open\n");
    return client;
  }
  // What the server answers, as read_frames().
  std::string tell(Client& client, std::string_view bytes) {
    return read_frames(exchange(client, bytes));
  }

  TestSocket* test;
};

}  // namespace sockherd::worker
