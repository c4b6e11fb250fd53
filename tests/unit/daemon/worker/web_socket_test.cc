// WebSockets from the handshake to the end, as their handler and their client see them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "daemon/rooms/hub.h"
#include "daemon/websocket/close.h"
#include "daemon/websocket/deflate.h"
#include "daemon/worker/web_socket_connection.h"
#include "tests/unit/daemon/worker/web_socket_harness.h"

namespace sockherd::worker {
namespace {

using namespace std::string_literals;
using stats::Count;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string close_frame(uint16_t code, std::string_view reason = "") {
  std::array<char, websocket::kMaxControlPayload> payload{};
  const size_t size = websocket::write_close(code, reason, payload);
  return masked({.opcode = Opcode::Close}, {payload.data(), size});
}

// --- The handshake

TEST(WebSocketHandshake, AnswersAsTheStandardSays) {
  WebSocketHarness harness;
  Client client = harness.connect();
  const std::string answer = harness.exchange(client, handshake("/ws"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_NE(answer.find("\r\nUpgrade: websocket\r\n"), std::string::npos);
  EXPECT_NE(answer.find("\r\nConnection: Upgrade\r\n"), std::string::npos);
  EXPECT_NE(answer.find("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            std::string::npos);
  EXPECT_EQ(answer.find("Content-Length"), std::string::npos);
  EXPECT_EQ(answer.find("Extensions"), std::string::npos);
  EXPECT_EQ(answer.find("Protocol:"), std::string::npos);
  EXPECT_TRUE(harness.test->accepted);
  EXPECT_EQ(harness.count(Count::WebSocketsOpened), 1);
  EXPECT_EQ(harness.count(Count::Responses1xx), 1);
  EXPECT_EQ(harness.open_connections(), 1);
}

TEST(WebSocketHandshake, RefusesWhatIsNoneAndServesOn) {
  WebSocketHarness harness;
  Client client = harness.connect();
  const std::string plain = harness.exchange(client, "GET /ws HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(plain.starts_with("HTTP/1.1 426 ")) << plain;
  EXPECT_NE(plain.find("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"), std::string::npos);
  EXPECT_NE(plain.find("\r\nSec-WebSocket-Version: 13\r\n"), std::string::npos);
  const std::string post = harness.exchange(
      client, "POST /ws HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n" + kHandshakeFields + "\r\nx");
  EXPECT_TRUE(post.starts_with("HTTP/1.1 405 ")) << post;
  EXPECT_NE(post.find("\r\nAllow: GET\r\n"), std::string::npos);
  const std::string malformed = harness.exchange(
      client, handshake("/ws", "Sec-WebSocket-Extensions: permessage-deflate;\r\n"));
  EXPECT_TRUE(malformed.starts_with("HTTP/1.1 400 ")) << malformed;
  EXPECT_FALSE(harness.test->accepted);
  EXPECT_TRUE(harness.exchange(client, handshake("/ws")).starts_with("HTTP/1.1 101 "));
}

TEST(WebSocketHandshake, ChecksTheOrigin) {
  WebSocketHarness harness;
  EXPECT_TRUE(harness.get("/ws", kHandshakeFields + "Origin: http://evil.net\r\n")
                  .starts_with("HTTP/1.1 403 "));
  EXPECT_EQ(harness.count(Count::WebSocketOriginsRefused), 1);
  EXPECT_TRUE(
      harness.get("/ws", kHandshakeFields + "Origin: http://h\r\n").starts_with("HTTP/1.1 101 "));
  const std::vector<std::string> any = {"*"};
  harness.test->terms.origins = any;
  EXPECT_TRUE(harness.get("/ws", kHandshakeFields + "Origin: http://evil.net\r\n")
                  .starts_with("HTTP/1.1 101 "));
}

TEST(WebSocketHandshake, ChoosesASubprotocol) {
  WebSocketHarness harness;
  constexpr std::array<std::string_view, 2> kOffered = {"a", "b"};
  harness.test->terms.subprotocols = kOffered;
  EXPECT_NE(harness.get("/ws", kHandshakeFields + "Sec-WebSocket-Protocol: c, b\r\n")
                .find("\r\nSec-WebSocket-Protocol: b\r\n"),
            std::string::npos);
}

TEST(WebSocketHandshake, TakesWhatCameBehindIt) {
  WebSocketHarness harness;
  Client client = harness.connect();
  const std::string answer =
      harness.exchange(client, "GET /plaintext HTTP/1.1\r\nHost: h\r\n\r\n" + handshake("/ws") +
                                   text("one") + text("two"));
  const size_t end = answer.find("\r\n\r\n", answer.find(" 101 ")) + 4;
  EXPECT_EQ(read_frames(answer.substr(end)), "text one\ntext two\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK"));
}

TEST(WebSocketHandshake, WorksHoweverItIsCut) {
  WebSocketHarness harness;
  const std::string bytes = handshake("/ws") + text("hello") + close_frame(1000);
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    Client client = harness.connect();
    std::string answer = harness.exchange(client, bytes.substr(0, cut));
    answer += harness.exchange(client, bytes.substr(cut));
    const size_t end = answer.find("\r\n\r\n") + 4;
    ASSERT_EQ(read_frames(answer.substr(end)), "text hello\nclose 1000\n") << cut;
    ASSERT_EQ(harness.test->take_heard(), "open\ntext hello\nclose 1000\n") << cut;
  }
}

// Fills the socket, and has the name of its client looked up, as a proxy route does.
struct Long final : Handler {
  explicit Long(Service& service) : service_(service) {}
  std::unique_ptr<Job> handle(const Request& /*request*/, Exchange& exchange) override {
    fd = exchange.socket();
    service_.clients.of(fd);
    exchange.answer({.content = std::string(20000, 'x')});
    return nullptr;
  }

  Service& service_;
  int fd = -1;  // of the client
};

// A client that asks for /long until its socket is full, then for a WebSocket, and is gone.
struct BrokenUpgrade {
  explicit BrokenUpgrade(int before) {
    auto made = std::make_unique<Long>(harness.service());
    Long& filler = *made;
    harness.router().add("/long", std::move(made));
    Client client = harness.connect();
    const std::string request = "GET /long HTTP/1.1\r\nHost: h\r\n\r\n";
    for (int i = 0; i < before; ++i) {
      client.send(request);
      harness.run();
    }
    client.send(request + handshake("/ws"));
    harness.run();
    is_abandoned = harness.test->accepted && harness.test->take_heard().empty();
    client.close();
    harness.run();
    fd = filler.fd;
  }

  WebSocketHarness harness;
  bool is_abandoned = false;  // its 101 was written and never sent
  int fd = -1;
};

// Answers before it fill the socket, in one case so that its own does not leave.
TEST(WebSocketHandshake, WhoseAnswerCannotLeaveEndsWithAnOpenAndAClose) {
  size_t abandoned = 0;
  for (int before = 0; before < 40; ++before) {
    BrokenUpgrade broken(before);
    WebSocketHarness& harness = broken.harness;
    if (broken.is_abandoned) {
      ++abandoned;
      EXPECT_EQ(harness.test->take_heard(), "open\nclose 1006\n");
    }
    EXPECT_EQ(harness.open_connections(), 0);
    EXPECT_EQ(harness.count(Count::ConnectionsClosed), 1);
    EXPECT_EQ(harness.count(Count::WebSocketsOpened), harness.count(Count::WebSocketsClosed));
  }
  EXPECT_GT(abandoned, 0);
}

// Found in review: the next client with that number had the name of the one before.
TEST(WebSocketHandshake, WhoseAnswerCannotLeaveTakesTheNameOfItsClientAlong) {
  size_t abandoned = 0;
  for (int before = 0; before < 40; ++before) {
    BrokenUpgrade broken(before);
    if (!broken.is_abandoned) continue;
    ++abandoned;
    // The client before had no port: a Unix socket.
    UniqueFd other(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::listen(other.get(), 1), 0);
    const UniqueFd next(other.get() == broken.fd ? other.release()
                                                 : ::dup3(other.get(), broken.fd, O_CLOEXEC));
    EXPECT_NE(broken.harness.service().clients.of(next.get()).port, "");
  }
  EXPECT_GT(abandoned, 0);
}

TEST(WebSocketHandshake, IsRefusedInADrain) {
  WebSocketHarness harness;
  Client client = harness.connect();
  harness.drain();
  const std::string answer = harness.exchange(client, handshake("/ws"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

// --- Messages

TEST(WebSocket, EchoesMessagesOfEverySize) {
  WebSocketHarness harness;
  Client client = harness.open();
  for (const size_t size : {0, 1, 125, 126, 127, 4096, 30000}) {
    const std::string payload(size, 'x');
    client.send(text(payload));
    for (int i = 0; i < 5; ++i) harness.run();
    const std::string wanted =
        size == 0 ? "text\n"
                  : "text " + (size > 200 ? std::to_string(size) + " bytes" : payload) + "\n";
    EXPECT_EQ(read_frames(client.read()), wanted);
  }
  EXPECT_EQ(harness.count(Count::WebSocketMessagesReceived), 7);
  EXPECT_EQ(harness.count(Count::WebSocketMessagesSent), 7);
  EXPECT_EQ(harness.count(Count::WebSocketBytesReceived), 0 + 1 + 125 + 126 + 127 + 4096 + 30000);
  EXPECT_EQ(harness.count(Count::WebSocketBytesSent), 0 + 1 + 125 + 126 + 127 + 4096 + 30000);
}

// Longer than any buffer on the way; the client reads while it sends.
TEST(WebSocket, EchoesALongMessage) {
  WebSocketHarness harness;
  Client client = harness.open();
  std::string payload(5 << 20, '\0');
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 31 >> 3);
  const std::string bytes = masked({.opcode = Opcode::Binary}, payload);
  std::string answer;
  for (size_t sent = 0; sent < bytes.size();) {
    sent += client.send_some(std::string_view(bytes).substr(sent));
    harness.run();
    answer += client.read();
  }
  for (int i = 0; i < 2000 && answer.size() < payload.size() + 10; ++i) {
    harness.run();
    answer += client.read();
  }
  ASSERT_EQ(answer.size(), payload.size() + 10);
  EXPECT_TRUE(answer.substr(10) == payload);
}

TEST(WebSocket, HandlesAllThatCameInOneReadInOneTurn) {
  WebSocketHarness harness;
  Client client = harness.open();
  std::string bytes;
  std::string wanted;
  for (int i = 0; i < 100; ++i) {
    bytes += text(std::to_string(i));
    wanted += "text " + std::to_string(i) + "\n";
  }
  EXPECT_EQ(harness.tell(client, bytes), wanted);
}

TEST(WebSocket, PutsFragmentsTogether) {
  WebSocketHarness harness;
  Client client = harness.open();
  EXPECT_EQ(harness.tell(client, masked({.opcode = Opcode::Text, .is_final = false}, "one ")), "");
  EXPECT_EQ(harness.tell(client, masked({.opcode = Opcode::Ping}, "p")), "pong p\n");
  EXPECT_EQ(harness.tell(client, masked({.opcode = Opcode::Continuation}, "two")),
            "text one two\n");
}

TEST(WebSocket, AnswersEveryPing) {
  WebSocketHarness harness;
  Client client = harness.open();
  EXPECT_EQ(harness.tell(client, masked({.opcode = Opcode::Ping}, "a") +
                                     masked({.opcode = Opcode::Ping}, "") +
                                     masked({.opcode = Opcode::Pong}, "unasked")),
            "pong a\npong\n");
}

TEST(WebSocket, SendsWhatItsHandlerSendsFromElsewhere) {
  WebSocketHarness harness;
  Client client = harness.open();
  WebSocket& socket = *harness.test->sockets.at(0);
  EXPECT_EQ(socket.send(Kind::Text, "hello"), WebSocket::Sent::Queued);
  EXPECT_EQ(socket.send(Kind::Binary, "world"), WebSocket::Sent::Queued);
  EXPECT_GT(socket.unsent(), 0);
  harness.run();
  EXPECT_EQ(read_frames(client.read()), "text hello\nbinary world\n");
  EXPECT_EQ(socket.unsent(), 0);
}

TEST(WebSocket, CarriesTheContextOfItsHandler) {
  WebSocketHarness harness;
  int mine = 0;
  harness.test->context = &mine;
  Client client = harness.open();
  EXPECT_EQ(harness.test->sockets.at(0)->context, &mine);
}

TEST(WebSocket, ReadsNoFurtherWhileItIsPaused) {
  WebSocketHarness harness;
  Client client = harness.open();
  WebSocket& socket = *harness.test->sockets.at(0);
  harness.test->on_message_do = [](WebSocket& paused, Kind, std::string_view) { paused.pause(); };
  client.send(text("one") + text("two"));
  harness.run();
  EXPECT_EQ(harness.test->take_heard(), "text one\n");
  client.send(text("three"));
  harness.run();
  EXPECT_EQ(harness.test->take_heard(), "");
  harness.test->on_message_do = {};
  socket.resume();
  harness.run();
  EXPECT_EQ(harness.test->take_heard(), "text two\ntext three\n");
}

// --- What breaks the rules

TEST(WebSocket, TellsAClientWhichRuleItBreaks) {
  struct Case {
    std::string bytes;
    std::string answer;
  };
  const std::vector<Case> cases = {
      {"\x81\x01x", "close 1002 frame of a client without mask\n"},
      {masked({.is_compressed = true}, "x"), "close 1002 a reserved bit is set\n"},
      {"\x83\x80"s, "close 1002 unknown opcode\n"},
      {masked({.opcode = Opcode::Ping, .is_final = false}, ""),
       "close 1002 fragmented control frame\n"},
      {"\x89\xfe", "close 1002 control frame with more than 125 bytes\n"},
      {masked({.opcode = Opcode::Continuation}, "x"),
       "close 1002 continuation without a message\n"},
      {text("a\xff"), "close 1007 text that is not UTF-8\n"},
      {masked({.opcode = Opcode::Close}, "\x03"), "close 1002 Close with one byte\n"},
      {close_frame(1000, "\xff"), "close 1007 Close with a reason that is not UTF-8\n"},
      {"\x82\xff\x00\x00\x00\x00\x01\x00\x00\x01"s + "mask",
       "close 1009 the message is longer than this server takes\n"},
  };
  for (const Case& each : cases) {
    WebSocketHarness harness;
    Client client = harness.open();
    EXPECT_EQ(harness.tell(client, text("before") + each.bytes + text("behind")),
              "text before\n" + each.answer);
    EXPECT_TRUE(client.is_ended());
    EXPECT_EQ(harness.count(Count::WebSocketClosesError), 1) << each.answer;
    std::string heard = each.answer;
    EXPECT_EQ(harness.test->take_heard(), "text before\n" + heard);
    client.close();
    harness.run();
    EXPECT_EQ(harness.open_connections(), 0) << each.answer;
  }
}

TEST(WebSocket, RefusesWrongTextBeforeItsFrameHasEnded) {
  WebSocketHarness harness;
  Client client = harness.open();
  const std::string frame = text("good \xf4\x90\x80\x80 and what follows");
  EXPECT_EQ(harness.tell(client, frame.substr(0, 6 + 6)), "");
  EXPECT_EQ(harness.tell(client, frame.substr(6 + 6, 1)), "close 1007 text that is not UTF-8\n");
}

// --- The close handshake

TEST(WebSocketClose, AnswersTheCloseOfTheClientWithItsCode) {
  for (const uint16_t code : {uint16_t{1000}, uint16_t{1001}, uint16_t{3000}, uint16_t{4999}}) {
    WebSocketHarness harness;
    Client client = harness.open();
    EXPECT_EQ(harness.tell(client, close_frame(code, "bye") + text("behind")),
              "close " + std::to_string(code) + " bye\n");
    EXPECT_TRUE(client.is_ended());
    EXPECT_EQ(harness.test->take_heard(), "close " + std::to_string(code) + " bye\n");
    EXPECT_EQ(harness.open_connections(), 1);  // reads on until the client has closed
    client.close();
    harness.run();
    EXPECT_EQ(harness.open_connections(), 0);
    EXPECT_EQ(harness.count(Count::WebSocketsClosed), 1);
  }
}

TEST(WebSocketClose, AnswersACloseWithoutACode) {
  WebSocketHarness harness;
  Client client = harness.open();
  EXPECT_EQ(harness.tell(client, masked({.opcode = Opcode::Close}, "")), "close\n");
  EXPECT_EQ(harness.test->take_heard(), "close 1005\n");
  EXPECT_EQ(harness.count(Count::WebSocketClosesNormal), 1);
}

TEST(WebSocketClose, AnswersWhatCameBeforeIt) {
  WebSocketHarness harness;
  Client client = harness.open();
  EXPECT_EQ(harness.tell(client, text("last") + close_frame(1000)), "text last\nclose 1000\n");
}

TEST(WebSocketClose, IsAwaitedWhenWeBegin) {
  WebSocketHarness harness;
  Client client = harness.open();
  WebSocket& socket = *harness.test->sockets.at(0);
  socket.close(4000, "enough");
  EXPECT_EQ(socket.send(Kind::Text, "too late"), WebSocket::Sent::Closing);
  EXPECT_EQ(harness.tell(client, text("not answered") + masked({.opcode = Opcode::Ping}, "")),
            "close 4000 enough\n");
  EXPECT_EQ(harness.test->take_heard(), "");
  EXPECT_EQ(harness.tell(client, close_frame(4000)), "");
  EXPECT_EQ(harness.test->take_heard(), "close 4000\n");
  EXPECT_TRUE(client.is_ended());
}

TEST(WebSocketClose, HasADeadline) {
  WebSocketHarness harness;
  Client client = harness.open();
  harness.test->sockets.at(0)->close(1000, "");
  harness.advance(milliseconds(4900));
  EXPECT_EQ(harness.open_connections(), 1);
  harness.advance(milliseconds(5100));
  EXPECT_EQ(harness.open_connections(), 0);
  EXPECT_EQ(harness.test->take_heard(), "close 1006\n");
  EXPECT_EQ(harness.count(Count::WebSocketCloseTimeouts), 1);
}

TEST(WebSocketClose, LingersForAMomentOnly) {
  WebSocketHarness harness;
  Client client = harness.open();
  EXPECT_EQ(harness.tell(client, close_frame(1000)), "close 1000\n");
  harness.advance(milliseconds(1900));
  EXPECT_EQ(harness.open_connections(), 1);
  harness.advance(milliseconds(2100));
  EXPECT_EQ(harness.open_connections(), 0);
}

TEST(WebSocketClose, IsHeardWhenTheConnectionBreaks) {
  WebSocketHarness harness;
  Client client = harness.open();
  client.send(text("last"));
  client.end_sending();
  harness.run();
  EXPECT_EQ(harness.test->take_heard(), "text last\nclose 1006\n");
  EXPECT_EQ(read_frames(client.read()), "text last\n");
  EXPECT_EQ(harness.open_connections(), 0);
  EXPECT_EQ(harness.count(Count::WebSocketClosesAbnormal), 1);
}

TEST(WebSocketClose, IsHeardWhenTheEngineEnds) {
  std::string heard;
  {
    WebSocketHarness harness;
    Client client = harness.open();
    struct Ending final : Handler, WebSocketHandler {
      explicit Ending(std::string& to) : said(to) {}
      std::unique_ptr<Job> handle(const Request&, Exchange& exchange) override {
        exchange.accept_web_socket({}, *this, nullptr);
        return nullptr;
      }
      void on_message(WebSocket&, Kind, std::string_view) override {}
      void on_close(WebSocket&, uint16_t code, std::string_view) override {
        said += "close " + std::to_string(code);
      }
      std::string& said;
    };
    harness.router().add("/ending", std::make_unique<Ending>(heard));
    Client other = harness.connect();
    harness.exchange(other, handshake("/ending"));
    EXPECT_EQ(heard, "");
  }
  EXPECT_EQ(heard, "close 1006");
}

// --- Keep-alive

TEST(WebSocketPing, ComesAfterSilenceAndIsAnswered) {
  WebSocketHarness harness;
  Client client = harness.open();
  harness.advance(seconds(29));
  EXPECT_EQ(client.read(), "");
  harness.advance(milliseconds(30100));
  EXPECT_EQ(read_frames(client.read()), "ping\n");
  EXPECT_EQ(harness.count(Count::WebSocketPings), 1);
  harness.tell(client, masked({.opcode = Opcode::Pong}, ""));
  harness.advance(seconds(65));  // a pong is activity: pinged again, and not ended
  EXPECT_EQ(harness.open_connections(), 1);
  EXPECT_EQ(read_frames(client.read()), "ping\n");
}

TEST(WebSocketPing, EndsAConnectionOnWhichNobodyIs) {
  WebSocketHarness harness;
  Client client = harness.open();
  harness.advance(milliseconds(30100));
  harness.advance(milliseconds(59900));
  EXPECT_EQ(harness.open_connections(), 1);
  harness.advance(milliseconds(60300));
  EXPECT_EQ(harness.open_connections(), 0);
  EXPECT_EQ(harness.count(Count::WebSocketTimeouts), 1);
  EXPECT_EQ(harness.test->take_heard(), "close 1006\n");
}

TEST(WebSocketPing, IsNotSentWhereItIsSwitchedOff) {
  WebSocketHarness harness(Limits{.web_socket = {.ping = Duration::zero()}});
  Client client = harness.open();
  harness.advance(seconds(3600));
  EXPECT_EQ(client.read(), "");
  EXPECT_EQ(harness.open_connections(), 1);  // keepalive_timeout is for HTTP
}

// --- Clients that do not read

Limits slow(SlowPolicy policy) {
  return {.web_socket = {.buffer_bytes = 100000, .slow = policy}};
}

// Sends until the socket of the server takes no more from it.
size_t send_until_full(WebSocketHarness& harness, Client& client, const std::string& frame,
                       size_t most) {
  size_t sent = 0;
  for (int idle = 0; sent < most && idle < 3;) {
    const size_t now = client.send_some(std::string_view(frame).substr(sent % frame.size()));
    idle = now == 0 ? idle + 1 : 0;
    sent += now;
    harness.run();
  }
  return sent;
}

TEST(WebSocketSlow, WaitsUntilTheClientReads) {
  WebSocketHarness harness(slow(SlowPolicy::Wait));
  Client client = harness.open();
  const std::string frame = text(std::string(10000, 'x'));
  const size_t sent = send_until_full(harness, client, frame, size_t{64} << 20);
  ASSERT_LT(sent, size_t{64} << 20);  // it is not read any more
  EXPECT_GE(harness.test->sockets.at(0)->unsent(), 100000);
  EXPECT_LT(harness.test->sockets.at(0)->unsent(), 100000 + 10000 + 14);
  EXPECT_GE(harness.count(Count::WebSocketWaits), 1);
  EXPECT_EQ(harness.count(Count::WebSocketMessagesDropped), 0);
  // Nothing of it is lost.
  size_t came = 0;
  const size_t messages = sent / frame.size();
  for (int i = 0; i < 5000 && came < messages * 10004; ++i) {
    harness.run();
    came += client.read().size();
  }
  EXPECT_EQ(came, messages * 10004);
}

TEST(WebSocketSlow, DropsWhatOthersSendWhileItWaits) {
  WebSocketHarness harness(slow(SlowPolicy::Wait));
  Client client = harness.open();
  WebSocket& socket = *harness.test->sockets.at(0);
  const std::string payload(10000, 'x');
  int queued = 0;
  while (socket.send(Kind::Text, payload) == WebSocket::Sent::Queued && queued < 1000) {
    ++queued;
    harness.run();
  }
  EXPECT_LT(queued, 1000);
  EXPECT_EQ(harness.count(Count::WebSocketMessagesDropped), 1);
  EXPECT_EQ(harness.open_connections(), 1);
  size_t came = 0;
  for (int i = 0; i < 100; ++i) {
    came += client.read().size();
    harness.run();
  }
  EXPECT_EQ(came, static_cast<size_t>(queued) * 10004);
  EXPECT_EQ(harness.test->take_heard(), "writable\n");
  EXPECT_EQ(socket.send(Kind::Text, payload), WebSocket::Sent::Queued);
}

TEST(WebSocketSlow, DropsWhereThatIsThePolicy) {
  WebSocketHarness harness(slow(SlowPolicy::Drop));
  Client client = harness.open();
  const std::string frame = text(std::string(10000, 'x'));
  const size_t sent = send_until_full(harness, client, frame, size_t{8} << 20);
  EXPECT_GE(sent, size_t{8} << 20);  // it is read all the same
  EXPECT_GT(harness.count(Count::WebSocketMessagesDropped), 100);
  EXPECT_EQ(
      harness.count(Count::WebSocketMessagesDropped) + harness.count(Count::WebSocketMessagesSent),
      harness.count(Count::WebSocketMessagesReceived));
  EXPECT_LT(harness.test->sockets.at(0)->unsent(), 100000 + 10000 + 14);
  EXPECT_EQ(harness.open_connections(), 1);
}

TEST(WebSocketSlow, ClosesWhereThatIsThePolicy) {
  WebSocketHarness harness(slow(SlowPolicy::Close));
  Client client = harness.open();
  WebSocket& socket = *harness.test->sockets.at(0);
  const std::string payload(10000, 'x');
  WebSocket::Sent sent = WebSocket::Sent::Queued;
  for (int i = 0; i < 1000 && sent == WebSocket::Sent::Queued; ++i) {
    sent = socket.send(Kind::Text, payload);
    harness.run();
  }
  EXPECT_EQ(sent, WebSocket::Sent::Closing);
  EXPECT_EQ(harness.count(Count::WebSocketSlowCloses), 1);
  std::string last;
  for (int i = 0; i < 100; ++i) {
    last += client.read();
    harness.run();
  }
  EXPECT_NE(last.find("\x03\xf0reads too slowly"), std::string::npos);
}

TEST(WebSocketSlow, EndsOneThatReadsNothingAtAll) {
  Limits limits = slow(SlowPolicy::Wait);
  limits.write_timeout = seconds(10);
  WebSocketHarness harness(limits);
  Client client = harness.open();
  send_until_full(harness, client, text(std::string(10000, 'x')), size_t{64} << 20);
  harness.advance(seconds(5));
  EXPECT_EQ(harness.open_connections(), 1);
  harness.advance(seconds(25));
  EXPECT_EQ(harness.open_connections(), 0);
  EXPECT_EQ(harness.count(Count::WriteTimeouts), 1);
}

// Of pings that cannot be answered, the last is.
TEST(WebSocketSlow, AnswersTheLastPingOnly) {
  WebSocketHarness harness(slow(SlowPolicy::Drop));
  Client client = harness.open();
  send_until_full(harness, client, text(std::string(10000, 'x')), size_t{1} << 20);
  const size_t before = harness.test->sockets.at(0)->unsent();
  ASSERT_GT(before, 0);
  // In the middle of a frame, perhaps: a whole one first.
  for (int i = 0; i < 50; ++i) {
    client.send_some(masked({.opcode = Opcode::Ping}, std::to_string(i)));
    harness.run();
  }
  EXPECT_EQ(harness.test->sockets.at(0)->unsent(), before);
}

// --- permessage-deflate

TEST(WebSocketDeflate, IsAgreedOnAndUsed) {
  WebSocketHarness harness;
  Client client = harness.connect();
  const std::string answer =
      harness.exchange(client, handshake("/ws",
                                         "Sec-WebSocket-Extensions: permessage-deflate; "
                                         "client_max_window_bits; server_max_window_bits=10\r\n"));
  EXPECT_NE(answer.find("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                        "client_no_context_takeover; server_max_window_bits=10\r\n"),
            std::string::npos);
  websocket::Deflater deflater;
  std::string payload;
  const std::string words(2000, 'w');
  ASSERT_TRUE(deflater.deflate(words, 15, payload));
  const std::string back =
      harness.exchange(client, masked({.is_compressed = true}, payload) + text("short"));
  FrameHead head;
  const auto parse = websocket::parse_frame_head(back, websocket::Role::Client,
                                                 websocket::Extension::Deflate, head);
  ASSERT_EQ(parse.state, websocket::FrameParse::State::Complete);
  EXPECT_TRUE(head.is_compressed);
  EXPECT_LT(head.payload_bytes, 100);
  websocket::Inflater inflater;
  std::string inflated;
  EXPECT_EQ(inflater.inflate(back.substr(parse.bytes, head.payload_bytes), 5000, inflated),
            websocket::Inflater::Outcome::Done);
  EXPECT_EQ(inflated, words);
  EXPECT_EQ(read_frames(back.substr(parse.bytes + head.payload_bytes)), "text short\n");
}

TEST(WebSocketDeflate, IsNotAgreedOnWhereItIsSwitchedOff) {
  WebSocketHarness harness(Limits{.web_socket = {.deflate = false}});
  Client client = harness.connect();
  EXPECT_EQ(harness
                .exchange(client, handshake("/ws",
                                            "Sec-WebSocket-Extensions: "
                                            "permessage-deflate\r\n"))
                .find("Extensions"),
            std::string::npos);
}

TEST(WebSocketDeflate, RefusesWhatIsTooLongOrBrokenOrNotUtf8) {
  websocket::Deflater deflater;
  std::string bomb;
  ASSERT_TRUE(deflater.deflate(std::string(1 << 20, 'x'), 15, bomb));
  std::string wrong;
  ASSERT_TRUE(deflater.deflate(std::string(1000, '\xff'), 15, wrong));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {bomb, "close 1009 the message is longer than this server takes\n"},
      {"\xff\xff\xff", "close 1007 compressed data that is not valid\n"},
      {wrong, "close 1007 text that is not UTF-8\n"},
  };
  for (const auto& [payload, answer] : cases) {
    WebSocketHarness harness(Limits{.web_socket = {.max_message_bytes = 100000}});
    Client client = harness.open("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    EXPECT_EQ(harness.tell(client, masked({.is_compressed = true}, payload)), answer);
  }
}

// --- Drain

TEST(WebSocketDrain, ClosesWithGoingAwayOverAWindow) {
  WebSocketHarness harness(Limits{.web_socket = {.drain = seconds(2)}});
  Client early = harness.open();
  Client late = harness.open();
  harness.service().phase = ServicePhase::Draining;
  double spread = 0.9;
  harness.service().connections.for_each([&spread](Peer& peer) {
    peer.drain(spread);
    spread -= 0.8;
  });
  harness.run();
  EXPECT_EQ(harness.tell(early, text("still served")), "text still served\n");
  harness.advance(milliseconds(400));
  EXPECT_EQ(read_frames(early.read()), "close 1001 this server is about to end\n");
  EXPECT_EQ(harness.tell(late, text("still served")), "text still served\n");
  harness.advance(milliseconds(2000));
  EXPECT_EQ(read_frames(late.read()), "close 1001 this server is about to end\n");
  EXPECT_EQ(harness.tell(late, close_frame(1001)), "");
  EXPECT_TRUE(late.is_ended());
}

TEST(WebSocketDrain, AnswersWhatHasCome) {
  WebSocketHarness harness;
  Client client = harness.open();
  harness.service().phase = ServicePhase::Draining;
  harness.service().connections.for_each([](Peer& peer) { peer.drain(1); });
  client.send(text("in time"));
  harness.loop().timers().advance(harness.loop().now() + seconds(11));
  harness.run();
  EXPECT_EQ(read_frames(client.read()), "text in time\nclose 1001 this server is about to end\n");
}

// --- Rooms

TEST(WebSocketRoom, HearsWhatIsSaidUntilItCloses) {
  WebSocketHarness harness;
  stats::Page page;
  rooms::Hub hub(page.counters);
  harness.service().hub = &hub;
  harness.test->on_open_do = [&hub](WebSocket& socket) { hub.join(socket, "r"); };
  harness.test->on_message_do = [&hub](WebSocket&, Kind kind, std::string_view payload) {
    hub.publish("r", kind, payload);
  };
  Client one = harness.open();
  Client two = harness.open();
  EXPECT_EQ(harness.tell(one, text("a") + text(std::string(5000, 'x')) + text("b")),
            "text a\ntext 5000 bytes\ntext b\n");
  EXPECT_EQ(read_frames(two.read()), "text a\ntext 5000 bytes\ntext b\n");
  EXPECT_EQ(hub.size("r"), 2);
  harness.tell(two, close_frame(1000));
  EXPECT_EQ(hub.size("r"), 1);
  one.close();
  harness.run();
  EXPECT_EQ(hub.size("r"), 0);
}

// --- Memory

// What an idle one takes of the worker: the object, its place in the loop and in the set.
TEST(WebSocketMemory, IsTwoHundredBytesWhenNothingIsInFlight) {
  constexpr size_t kOfTheAllocator = 8;
  constexpr size_t kPlaceInLoop = 16;
  constexpr size_t kPlaceInSet = sizeof(void*);
  EXPECT_LE(
      (sizeof(WebSocketConnection) + kOfTheAllocator + 15) / 16 * 16 + kPlaceInLoop + kPlaceInSet,
      200);
  WebSocketHarness harness;
  const size_t before = harness.service().buffers.blocks_in_use();
  std::vector<Client> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(harness.open());
  for (Client& client : clients) EXPECT_EQ(harness.tell(client, text("x")), "text x\n");
  // Those of the traffic that is kept for the next.
  EXPECT_LE(harness.service().buffers.blocks_in_use(), before + 16);
}

}  // namespace
}  // namespace sockherd::worker
