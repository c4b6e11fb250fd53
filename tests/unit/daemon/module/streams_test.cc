// Streams, event streams and WebSockets of applications.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/module/app_harness.h"
#include "tests/unit/daemon/worker/web_socket_harness.h"

namespace sockherd::module {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Streamed {
  std::shared_ptr<app::Stream> stream;
  int writable = 0;
  int closed = 0;

  void set_up(App& app) {
    app.get("/s", [this](Request&, Response& response) {
      stream = response.stream("text/plain");
      stream->write("first ");
      stream->on_writable([this] { ++writable; });
      stream->on_close([this] { ++closed; });
    });
  }
};

TEST(Streams, SendWhatIsWrittenAsItComes) {
  Streamed streamed;
  AppHarness app([&](App& routes) { streamed.set_up(routes); });
  worker::Client client = app.engine.connect();
  const std::string begin = app.engine.exchange(client, AppHarness::message("GET", "/s"));
  EXPECT_THAT(begin, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(begin, EndsWith("6\r\nfirst \r\n"));
  EXPECT_TRUE(streamed.stream->write("second"));
  app.engine.run();
  EXPECT_EQ(client.read(), "6\r\nsecond\r\n");
  streamed.stream->end();
  EXPECT_FALSE(streamed.stream->write("more"));
  app.engine.run();
  EXPECT_EQ(client.read(), "0\r\n\r\n");
  EXPECT_EQ(streamed.closed, 0);
  EXPECT_EQ(content_of(app.engine.exchange(client, "GET /plaintext HTTP/1.1\r\nHost: h\r\n\r\n")),
            "Hello, World!");
}

TEST(Streams, RefuseWhatTheClientDoesNotTake) {
  Streamed streamed;
  AppHarness app([&](App& routes) { streamed.set_up(routes); });
  worker::Client client = app.engine.connect();
  app.engine.exchange(client, AppHarness::message("GET", "/s"));
  const std::string piece(16 * 1024, 'x');
  size_t taken = 0;
  while (streamed.stream->write(piece)) {
    taken += piece.size();
    app.engine.run();
    ASSERT_LT(taken, size_t{64} << 20);
  }
  EXPECT_LE(streamed.stream->unsent(), OpenStream::kMostUnsent);
  EXPECT_EQ(streamed.writable, 0);
  size_t got = 0;
  for (int i = 0; i < 10000 && streamed.writable == 0; ++i) {
    got += client.read().size();
    app.engine.run();
  }
  EXPECT_EQ(streamed.writable, 1);
  EXPECT_GT(got, 0u);
  EXPECT_TRUE(streamed.stream->write(piece));
}

TEST(Streams, HearThatTheClientHasGone) {
  Streamed streamed;
  AppHarness app([&](App& routes) { streamed.set_up(routes); });
  worker::Client client = app.engine.connect();
  app.engine.exchange(client, AppHarness::message("GET", "/s"));
  client.close();
  app.engine.run();
  EXPECT_EQ(streamed.closed, 1);
  EXPECT_FALSE(streamed.stream->is_open());
  EXPECT_FALSE(streamed.stream->write("x"));
}

TEST(Streams, AreNotForBlockingHandlersNorForHead) {
  Streamed streamed;
  AppHarness app([&](App& routes) { streamed.set_up(routes); });
  EXPECT_EQ(content_of(app.send("HEAD", "/s")), "");
  EXPECT_FALSE(streamed.stream->is_open());
}

TEST(EventStreams, SendEventsAndHeartbeats) {
  std::shared_ptr<app::EventStream> events;
  AppHarness app([&](App& routes) {
    routes.get("/e", [&](Request&, Response& response) {
      events = response.events(std::chrono::seconds(15));
      events->send(
          {.data = "a\nb", .event = "news", .id = "7", .retry = std::chrono::milliseconds(500)});
    });
  });
  worker::Client client = app.engine.connect();
  const std::string begin =
      app.engine.exchange(client, AppHarness::message("GET", "/e", "Last-Event-ID: 6\r\n"));
  EXPECT_THAT(begin, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(begin, HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_THAT(begin, HasSubstr("event: news\nid: 7\nretry: 500\ndata: a\ndata: b\n\n"));
  EXPECT_EQ(events->last_event_id(), "6");
  EXPECT_THROW(events->send({.data = "x", .id = "a\nb"}), std::invalid_argument);
  app.engine.advance(std::chrono::seconds(14));
  EXPECT_EQ(client.read(), "");
  app.engine.advance(std::chrono::seconds(16));
  EXPECT_THAT(client.read(), HasSubstr(":\n\n"));
  app.handler->drain();
  app.engine.run();
  EXPECT_EQ(client.read(), "0\r\n\r\n");
  EXPECT_FALSE(events->send("late"));
}

struct Chat {
  std::vector<std::string> log;

  void set_up(App& app) {
    app.before("/secret/*", [](Request&, Response& response) { response.fail(403); });
    app.websocket("/ws/:room",
                  {.on_open =
                       [this](app::WebSocket& socket) {
                         log.push_back("open " + std::string(socket.param("room")) + " " +
                                       std::string(socket.query("n")) + " " +
                                       std::string(socket.protocol()));
                         socket.data = log.size();
                         socket.join(socket.param("room"));
                       },
                   .on_message =
                       [](app::WebSocket& socket, std::string_view payload, app::Kind) {
                         if (payload == "throw") throw std::runtime_error("oh");
                         if (payload == "bye") return socket.close(4000, "left");
                         if (payload == "all") {
                           return socket.publish(socket.param("room"), "to all others");
                         }
                         socket.send("you said " + std::string(payload));
                       },
                   .on_close =
                       [this](app::WebSocket& socket, uint16_t code) {
                         log.push_back("close " + std::to_string(code) + " " +
                                       std::string(socket.is_open() ? "open" : "gone"));
                       },
                   .protocols = {"chat"}});
    app.websocket("/secret/ws", {});
    app.get("/both", [](Request&, Response& response) { response.text("page"); });
    app.websocket("/both", {});
    app.post("/say/:room", [&app](Request& request, Response&) {
      app.publish(request.param("room"), request.body());
    });
  }
};

using worker::handshake;
using worker::read_frames;

TEST(Sockets, SpeakWithTheApplication) {
  Chat chat;
  AppHarness app([&](App& routes) { chat.set_up(routes); });
  worker::Client client = app.engine.connect();
  const std::string answer = app.engine.exchange(
      client, handshake("/app/ws/tea?n=ann%20a", "Sec-WebSocket-Protocol: x, chat\r\n"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 101 "));
  EXPECT_THAT(answer, HasSubstr("Sec-WebSocket-Protocol: chat\r\n"));
  EXPECT_THAT(read_frames(app.engine.exchange(client, worker::text("hi"))),
              HasSubstr("text you said hi"));
  EXPECT_THAT(read_frames(app.engine.exchange(client, worker::text("bye"))),
              HasSubstr("close 4000 left"));
  client.close();
  app.engine.run();
  EXPECT_THAT(chat.log, testing::ElementsAre("open tea ann a chat", testing::StartsWith("close ")));
  EXPECT_THAT(chat.log[1], EndsWith("gone"));
}

TEST(Sockets, AreInRooms) {
  Chat chat;
  AppHarness app([&](App& routes) { chat.set_up(routes); });
  worker::Client one = app.engine.connect();
  worker::Client two = app.engine.connect();
  worker::Client other = app.engine.connect();
  app.engine.exchange(one, handshake("/app/ws/tea"));
  app.engine.exchange(two, handshake("/app/ws/tea"));
  app.engine.exchange(other, handshake("/app/ws/wine"));
  EXPECT_EQ(app.engine.exchange(one, worker::text("all")), "");
  EXPECT_THAT(read_frames(two.read()), HasSubstr("text to all others"));
  app.send("POST", "/say/tea", "", "from http");
  EXPECT_THAT(read_frames(one.read()), HasSubstr("text from http"));
  EXPECT_THAT(read_frames(two.read()), HasSubstr("text from http"));
  EXPECT_EQ(other.read(), "");
}

TEST(Sockets, EndWithAnExceptionOfTheirHandler) {
  Chat chat;
  AppHarness app([&](App& routes) { chat.set_up(routes); });
  worker::Client client = app.engine.connect();
  app.engine.exchange(client, handshake("/app/ws/tea"));
  EXPECT_THAT(read_frames(app.engine.exchange(client, worker::text("throw"))),
              HasSubstr("close 1011"));
  EXPECT_EQ(app.count(stats::Count::HandlerFailures), 1u);
}

TEST(Sockets, AreRefusedByFiltersAndWhereThereAreNone) {
  Chat chat;
  AppHarness app([&](App& routes) { chat.set_up(routes); });
  const auto ask = [&](const std::string& request) {
    worker::Client client = app.engine.connect();
    return app.engine.exchange(client, request);
  };
  EXPECT_THAT(ask(handshake("/app/secret/ws")), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(ask(handshake("/app/nothing")), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask(handshake("/app/ws/tea", "Origin: http://evil.example\r\n")),
              StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(app.get("/ws/tea"), StartsWith("HTTP/1.1 426 "));
  EXPECT_EQ(content_of(app.get("/both")), "page");
  EXPECT_THAT(ask(handshake("/app/both")), StartsWith("HTTP/1.1 101 "));
}

}  // namespace
}  // namespace sockherd::module
