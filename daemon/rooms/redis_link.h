// RedisLink: one connection to a Redis, which is made again whenever it is lost.
//
// It connects, logs in, and is up; what it is told then is sent in order, and answers come in
// order (pipelining). While it is up it pings; a server that says nothing for too long is lost.
// Protocol: RESP2; what is read is taken apart by hiredis. The asynchronous half of hiredis is not
// used: what it has not sent yet has neither bounds nor a size that one can ask for.
#pragma once

#include <hiredis/read.h>

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/unique_fd.h"
#include "daemon/io/loop.h"
#include "daemon/io/socket.h"
#include "daemon/rooms/backoff.h"
#include "daemon/sys/address.h"

struct redisReply;

namespace sockherd::rooms {

struct RedisServer {
  sys::SocketAddress address;
  std::string user;      // "" = the default one
  std::string password;  // "" = none
  uint32_t database = 0;
};

// One command as RESP2.
std::string redis_command(std::initializer_list<std::string_view> words);

class RedisLink final : private io::Watcher, private io::Timer {
 public:
  static constexpr Duration kConnectTimeout = std::chrono::seconds(5);
  static constexpr Duration kPing = std::chrono::seconds(5);
  static constexpr unsigned kPatience = 3;  // pings without an answer

  // Called from within the loop, never from within a call of the link.
  struct Callbacks {
    std::function<void()> on_up;
    std::function<void(const redisReply&)> on_reply;  // all but those to its own commands
    // It is tried again without further ado. why: never a password.
    std::function<void(const std::string& why)> on_down;
  };

  // loop: outlives this.
  RedisLink(io::Loop& loop, const RedisServer& server, Callbacks callbacks);
  ~RedisLink() override;

  // Connects; on_down may come at once.
  void start();
  bool is_up() const { return state_ == State::Up; }

  // Requires: is_up(). Leaves with the next flush().
  void send(std::string_view command) { pending_ += command; }
  // Bytes that the kernel has not taken.
  size_t unsent() const { return pending_.size() + sending_.size() - sent_; }
  // It is lost, by a turn of the loop, if it is still up then.
  void give_up(std::string_view why);
  void flush();

 private:
  enum class State : uint8_t { Down, Connecting, LoggingIn, Up };
  struct ReaderFree {
    void operator()(redisReader* reader) const { redisReaderFree(reader); }
  };

  void on_ready(io::Events events) override;
  void on_due(Instant now) override;
  void connect();
  void on_connected();
  void log_in();
  void receive();
  // Returns false where the link is down by it.
  bool feed(std::string_view bytes);
  bool take(const redisReply& reply);
  void lose(const std::string& why);
  void rest();

  io::Loop& loop_;
  RedisServer server_;
  Callbacks callbacks_;
  Backoff backoff_;
  State state_ = State::Down;
  UniqueFd connecting_;
  io::Watch connecting_watch_;
  std::unique_ptr<redisReader, ReaderFree> reader_;
  size_t logins_ = 0;        // answers that are to come before it is up
  unsigned unanswered_ = 0;  // pings, since it has said anything
  std::string pending_;
  std::string sending_;   // stays where it is while the kernel may read it
  size_t sent_ = 0;       // of that
  std::string given_up_;  // why
  std::optional<io::Socket> socket_;
};

}  // namespace sockherd::rooms
