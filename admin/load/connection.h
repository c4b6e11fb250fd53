// Connection: one of many, and what all have in common: connecting, reading, how it fails, and
// when each of the answers that it owes was due.
//
// What it is on is a Setting, one a process; whom it tells is the Crowd (an Owner). Stands there by
// the ten thousand, idle: it is small, and what is under way lives elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "admin/load/plan.h"
#include "admin/load/tally.h"
#include "daemon/http/response_head.h"
#include "daemon/io/socket.h"
#include "daemon/websocket/deflate.h"
#include "daemon/websocket/receiver.h"

namespace sockherd::load {

class Connection;

struct Loss {
  Failure failure = Failure::Other;
  unsigned owed = 0;         // answers that will not come
  bool was_opening = false;  // it has never been open
};

class Owner {
 public:
  // It can send. Of the following, some may send at once.
  virtual void on_opened(Connection& connection) = 0;
  // An answer has come whole; of a connection that only listens, a message.
  virtual void on_answered(Connection& connection, Instant due) = 0;
  // The server has ended it while nothing was owed; it is closed.
  virtual void on_ended(Connection& connection) = 0;
  // It is closed.
  virtual void on_failed(Connection& connection, const Loss& loss) = 0;

 protected:
  ~Owner() = default;
};

// What frames of a server may hold.
websocket::Receiver::Terms receiver_terms(const Plan& plan);

struct Setting {
  const Plan& plan;
  io::Loop& loop;
  Tally& tally;
  Owner& owner;
  std::string request;           // HTTP: what is sent; WebSocket: its handshake, up to the key
  std::vector<char> room;        // for what is received
  std::string scratch;           // for what is sent
  std::string payload;           // of every message, but for its stamp
  std::string text;              // of a message that came compressed
  websocket::Receiver receiver;  // of all WebSockets that are between two messages
  http::ReceivedHead head;       // of the answer that is read just now
  websocket::Inflater inflater;
  websocket::Deflater deflater;

  Setting(const Plan& p, io::Loop& l, Tally& t, Owner& o);
  uint64_t next_random();  // splitmix64

 private:
  uint64_t random_;  // its state
};

class Connection : public io::Watcher {
 public:
  enum class State : uint8_t { Closed, Connecting, Handshaking, Open, Closing };

  Connection(Setting& setting, uint32_t number) : setting_(setting), number_(number) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  void open(Instant now);
  // One request or message. due: when it should leave; its latency counts from there. It owes an
  // answer then, unless it is one of those that only listen.
  // Requires: is_open(), owed() below the depth of the plan.
  void send(Instant due, Instant now);
  // Ends it in good order, where the protocol has one; on_ended() comes. Requires: is_open().
  virtual void finish() = 0;
  // At once; the owner hears nothing.
  void close();
  // Fails it where it has waited for too long.
  void check_time(Instant now);

  uint32_t number() const { return number_; }
  bool is_open() const { return state_ == State::Open; }
  bool is_closed() const { return state_ == State::Closed; }
  bool is_opening() const { return state_ == State::Connecting || state_ == State::Handshaking; }
  unsigned owed() const { return owed_; }
  void on_ready(io::Events events) final;

  bool is_reopened = false;   // the owner's: in the place of an earlier one
  bool is_queued = false;     // the owner's: waits for something to send
  bool is_finishing = false;  // the owner's: asked to end

 protected:
  virtual void on_connected() = 0;
  // Returns false when this is closed.
  virtual bool take(std::span<char> bytes) = 0;
  virtual void on_end() = 0;     // of what the server sends
  virtual void on_closed() = 0;  // forget what was under way
  virtual void write_message(Instant due) = 0;
  virtual void flush() = 0;  // there is room to send again

  void set_open(Instant now);
  // One of what is owed has come. Returns when it was due.
  Instant settle(Instant now);
  void fail(Failure failure);
  void end();                               // closed by the server, and nothing is owed
  io::Outcome put(std::string_view bytes);  // sends, and counts

  Setting& setting_;
  std::optional<io::Socket> socket_;
  Instant since_;  // it waits: to be connected, or for the next answer
  State state_ = State::Closed;

 private:
  bool finish_connecting(io::Events events);
  void receive(io::Events events);
  UniqueFd make_socket();
  Instant& due_at(unsigned place);

  uint32_t number_;
  uint16_t owed_ = 0;
  uint16_t first_ = 0;               // place of the oldest in dues_
  Instant due_;                      // where the depth is 1
  std::unique_ptr<Instant[]> dues_;  // else a ring of depth
};

}  // namespace sockherd::load
