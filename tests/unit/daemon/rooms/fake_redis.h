// FakeRedis: as much of a Redis as a test needs, turned by hand in the test's own thread.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "daemon/sys/address.h"

namespace sockherd::rooms {

class FakeRedis {
 public:
  using Words = std::vector<std::string>;

  FakeRedis() { listen(0); }

  const sys::SocketAddress& address() const { return address_; }

  // Answers all that has come.
  void serve() {
    if (!listener_) return;
    for (;;) {
      UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) break;
      clients_.emplace_back(std::move(fd));
    }
    for (auto it = clients_.begin(); it != clients_.end();) {
      it = serve(*it) ? std::next(it) : clients_.erase(it);
    }
  }

  // As a kill -9, and the start after it.
  void kill() {
    listener_.reset();
    clients_.clear();
  }
  void restart() { listen(address_.port()); }
  void hang_up() { clients_.clear(); }

  size_t clients() const { return clients_.size(); }
  size_t subscriptions() const {
    size_t sum = 0;
    for (const Client& client : clients_) sum += client.channels.size();
    return sum;
  }
  std::vector<Words> seen;  // commands but PING
  std::string password;     // if not empty, wanted
  bool is_silent = false;   // answers nothing, as one that has stopped
  bool confirms = true;     // else it takes messages and hands them on, and says nothing
  bool loses = false;       // confirms messages and hands none on

 private:
  struct Client {
    explicit Client(UniqueFd socket) : fd(std::move(socket)) {}
    UniqueFd fd;
    std::unique_ptr<redisReader, void (*)(redisReader*)> reader{redisReaderCreate(),
                                                                redisReaderFree};
    std::set<std::string> channels;
    std::string unsent;
    bool is_allowed = false;
  };

  void listen(uint16_t port) {
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(listener_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // as Redis does
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener_.get(), 64), 0);
    address_ = sys::SocketAddress::of_socket(listener_.get()).value();
  }

  static void answer(Client& client, std::string_view text) {
    client.unsent += text;
    flush(client);
  }
  static void flush(Client& client) {
    const ssize_t sent =
        ::send(client.fd.get(), client.unsent.data(), client.unsent.size(), MSG_NOSIGNAL);
    if (sent > 0) client.unsent.erase(0, static_cast<size_t>(sent));
  }
  static std::string bulk(std::string_view text) {
    return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
  }

  bool serve(Client& client) {
    flush(client);
    std::array<char, 65536> room;
    for (;;) {
      const ssize_t got = ::recv(client.fd.get(), room.data(), room.size(), 0);
      if (got == 0) return false;
      if (got < 0) break;
      redisReaderFeed(client.reader.get(), room.data(), static_cast<size_t>(got));
    }
    for (;;) {
      void* parsed = nullptr;
      if (redisReaderGetReply(client.reader.get(), &parsed) != REDIS_OK) return false;
      if (parsed == nullptr) return true;
      auto* reply = static_cast<redisReply*>(parsed);
      Words words;
      for (size_t i = 0; i < reply->elements; ++i) {
        words.emplace_back(reply->element[i]->str, reply->element[i]->len);
      }
      freeReplyObject(reply);
      if (!is_silent) obey(client, words);
    }
  }

  void obey(Client& client, const Words& words) {
    if (words[0] != "PING") seen.push_back(words);
    if (words[0] == "AUTH") {
      client.is_allowed = words.back() == password;
      return answer(client, client.is_allowed ? "+OK\r\n" : "-WRONGPASS invalid password\r\n");
    }
    if (!password.empty() && !client.is_allowed) {
      return answer(client, "-NOAUTH Authentication required.\r\n");
    }
    if (words[0] == "PING") {
      return answer(client,
                    client.channels.empty() ? "+PONG\r\n" : "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    }
    if (words[0] == "SELECT") return answer(client, "+OK\r\n");
    if (words[0] == "SUBSCRIBE" || words[0] == "UNSUBSCRIBE") {
      const bool is_begin = words[0] == "SUBSCRIBE";
      if (is_begin) client.channels.insert(words[1]);
      if (!is_begin) client.channels.erase(words[1]);
      return answer(client, "*3\r\n" + bulk(is_begin ? "subscribe" : "unsubscribe") +
                                bulk(words[1]) + ":1\r\n");
    }
    ASSERT_EQ(words[0], "PUBLISH");
    for (Client& each : clients_) {
      if (loses || !each.channels.contains(words[1])) continue;
      answer(each, "*3\r\n" + bulk("message") + bulk(words[1]) + bulk(words[2]));
    }
    if (confirms) answer(client, ":1\r\n");
  }

  UniqueFd listener_;
  sys::SocketAddress address_;
  std::list<Client> clients_;
};

}  // namespace sockherd::rooms
