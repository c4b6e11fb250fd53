#include "daemon/rooms/redis_link.h"

#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "daemon/sys/random.h"

namespace sockherd::rooms {
namespace {

// What is read in one turn, before the connections of the lane have theirs.
constexpr size_t kMostAtOnce = size_t{256} << 10;
// More than any message can be: it is no Redis, or one that means us harm.
constexpr size_t kMostUnread = size_t{128} << 20;

struct ReplyFree {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using ReplyHandle = std::unique_ptr<redisReply, ReplyFree>;

std::string_view text_of(const redisReply& reply) {
  return reply.str == nullptr ? std::string_view() : std::string_view(reply.str, reply.len);
}

bool is_pong(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_STATUS) return text_of(reply) == "PONG";
  // In a connection that has subscribed to something.
  return reply.type == REDIS_REPLY_ARRAY && reply.elements > 0 &&
         reply.element[0]->type == REDIS_REPLY_STRING && text_of(*reply.element[0]) == "pong";
}

}  // namespace

std::string redis_command(std::initializer_list<std::string_view> words) {
  std::string command = "*" + std::to_string(words.size()) + "\r\n";
  size_t bytes = command.size();
  for (const std::string_view word : words) bytes += word.size() + 16;
  command.reserve(bytes);
  for (const std::string_view word : words) {
    command += '$';
    command += std::to_string(word.size());
    command += "\r\n";
    command += word;
    command += "\r\n";
  }
  return command;
}

RedisLink::RedisLink(io::Loop& loop, const RedisServer& server, Callbacks callbacks)
    : loop_(loop), server_(server), callbacks_(std::move(callbacks)) {}

RedisLink::~RedisLink() = default;

// --- Coming up

void RedisLink::start() {
  connect();
}

void RedisLink::connect() {
  state_ = State::Connecting;
  connecting_ =
      UniqueFd(::socket(server_.address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!connecting_) return lose(errno_error("socket").what);
  const int on = 1;  // an answer is waited for; without effect where it is not TCP
  ::setsockopt(connecting_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const sys::SocketAddress& address = server_.address;
  if (::connect(connecting_.get(), address.get(), address.size()) != 0 && errno != EINPROGRESS) {
    return lose(errno_error("connect").what);
  }
  auto watch = loop_.watch(connecting_.get(), io::event::kWritable, *this);
  if (!watch.ok()) return lose(watch.error().what);
  connecting_watch_ = std::move(watch).value();
  loop_.timers().arm(*this, loop_.now() + kConnectTimeout);
}

void RedisLink::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(connecting_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return lose(errno_error("connect", error).what);
  connecting_watch_.end();
  socket_.emplace(loop_, std::move(connecting_));
  if (!socket_->watch(*this)) return lose("the kernel has no memory to watch it");
  reader_.reset(redisReaderCreate());
  if (reader_ == nullptr) return lose("no memory");
  log_in();
}

// PING is the last one, so that a server that wants a password says so now.
void RedisLink::log_in() {
  state_ = State::LoggingIn;
  logins_ = 1;
  if (!server_.password.empty()) {
    ++logins_;
    send(server_.user.empty() ? redis_command({"AUTH", server_.password})
                              : redis_command({"AUTH", server_.user, server_.password}));
  }
  if (server_.database != 0) {
    ++logins_;
    send(redis_command({"SELECT", std::to_string(server_.database)}));
  }
  send(redis_command({"PING"}));
  flush();
}

// --- Going down

void RedisLink::lose(const std::string& why) {
  rest();
  loop_.timers().arm(*this, loop_.now() + backoff_.next(sys::random_number()));
  callbacks_.on_down(why);
}

void RedisLink::rest() {
  state_ = State::Down;
  connecting_watch_ = {};
  connecting_.reset();
  socket_.reset();  // before what it may be sending
  reader_.reset();
  pending_.clear();
  sending_.clear();
  sent_ = 0;
  given_up_.clear();
}

void RedisLink::give_up(std::string_view why) {
  if (state_ != State::Up || !given_up_.empty()) return;
  given_up_ = why;
  socket_->call_again(io::event::kBroken);
}

void RedisLink::on_due(Instant now) {
  switch (state_) {
    case State::Down:
      return connect();
    case State::Connecting:
      return lose("connect: no answer within 5s");
    case State::LoggingIn:
      return lose("no answer to the log-in within 5s");
    case State::Up:
      if (unanswered_ == kPatience) return lose("no answer for 15s");
      if (unanswered_++ == 0) backoff_.reset();  // not before: one that ends at once is not up
      send(redis_command({"PING"}));
      flush();
      if (state_ == State::Up) loop_.timers().arm(*this, now + kPing);
      return;
  }
}

// --- While it is there

void RedisLink::on_ready(io::Events events) {
  if (state_ == State::Connecting) return on_connected();
  if (!given_up_.empty()) return lose(std::exchange(given_up_, {}));
  constexpr io::Events kRead = io::event::kReadable | io::event::kPeerClosed | io::event::kBroken;
  if ((events & kRead) != 0) receive();
  if (state_ >= State::LoggingIn && (events & io::event::kWritable) != 0) flush();
}

void RedisLink::receive() {
  std::array<char, 16384> room;
  for (size_t read = 0; read < kMostAtOnce;) {
    const io::Outcome outcome = socket_->receive(room);
    switch (outcome.state) {
      case io::State::Done:
        read += outcome.bytes;
        if (!feed({room.data(), outcome.bytes})) return;
        continue;
      case io::State::Blocked:
        return;
      case io::State::Ended:
        return lose("the server has closed the connection");
      case io::State::Failed:
        return lose("the connection is broken");
    }
  }
  socket_->call_again(io::event::kReadable);
}

bool RedisLink::feed(std::string_view bytes) {
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK ||
      reader_->len > kMostUnread) {
    lose("its answer makes no sense");
    return false;
  }
  for (;;) {
    void* parsed = nullptr;
    if (redisReaderGetReply(reader_.get(), &parsed) != REDIS_OK) {
      lose("its answer makes no sense");
      return false;
    }
    if (parsed == nullptr) return true;
    const ReplyHandle reply(static_cast<redisReply*>(parsed));
    if (!take(*reply)) return false;
  }
}

bool RedisLink::take(const redisReply& reply) {
  unanswered_ = 0;
  if (reply.type == REDIS_REPLY_ERROR) {
    lose(std::string(text_of(reply)));
    return false;
  }
  if (state_ == State::LoggingIn) {
    if (--logins_ > 0) return true;
    state_ = State::Up;
    loop_.timers().arm(*this, loop_.now() + kPing);
    callbacks_.on_up();
    return state_ == State::Up;
  }
  if (!is_pong(reply)) callbacks_.on_reply(reply);
  return state_ == State::Up;
}

void RedisLink::flush() {
  while (state_ >= State::LoggingIn) {
    if (sent_ == sending_.size()) {
      sending_.clear();
      sent_ = 0;
      if (pending_.empty()) return;
      sending_.swap(pending_);
    }
    const io::Outcome outcome = socket_->send(std::string_view(sending_).substr(sent_));
    if (outcome.state == io::State::Done) {
      sent_ = sending_.size();
    } else if (outcome.state == io::State::Blocked) {
      sent_ += outcome.bytes;
      return;
    } else {
      return socket_->call_again(io::event::kBroken);  // told from within the loop
    }
  }
}

}  // namespace sockherd::rooms
