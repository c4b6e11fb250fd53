// The seam between the engine and what answers: a handler for each route, an exchange for each
// request, and a job where the answer takes longer than the call.
//
// handle() answers at once, or returns a Job that will answer later: when the body is there, a
// timer has fired, another server has said something. The connection owns the job and destroys it
// when the request is over, also when the client has hung up before; so a job holds what it waits
// for as members, and nothing can call it afterwards.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "daemon/base/result.h"
#include "daemon/http/forward.h"
#include "daemon/http/request.h"
#include "daemon/http/response_head.h"
#include "daemon/io/loop.h"
#include "daemon/worker/open_file.h"
#include "daemon/worker/web_socket.h"

namespace sockherd::worker {

// A part of a file. Whoever makes it has looked at the size. The file is shared with the cache of
// files (file_cache.h), and with every other answer that is being sent from it.
struct FilePart {
  std::shared_ptr<const OpenFile> file;
  uint64_t offset = 0;
  uint64_t length = 0;
};

// Content that is made while it is sent, piece by piece, as the client takes it (back-pressure).
// Owned by the connection from answer() on; destroyed when all is sent, or the client has gone.
class Source {
 public:
  enum class State : uint8_t {
    More,     // call again, when there is room
    Waiting,  // nothing for now: Exchange::content_ready() says when to call again
    Ended,    // that was the last piece
    Failed,   // it cannot be made: the connection is broken, so that nobody takes it for whole
  };
  struct Piece {
    size_t bytes = 0;  // put at the front of `room`
    State state = State::Ended;
  };

  virtual ~Source() = default;

  // Makes the next piece. room: 4 KiB at least, and not kept. More without bytes is Waiting.
  virtual Piece read(std::span<char> room) = 0;

  // How many bytes it makes in all, where that is known; otherwise the answer is chunked, or, to
  // an HTTP/1.0 client, ends with the connection (RFC 9112 section 6.3).
  virtual std::optional<uint64_t> size() const { return std::nullopt; }

  // Fields to send behind a chunked answer that has ended (RFC 9110 section 6.5).
  virtual std::span<const http::Field> trailers() const { return {}; }
};

// The content of an answer. A string_view is for bytes that outlive every connection: literals, and
// what a handler keeps as long as it lives.
using Content = std::variant<std::string_view, std::string, FilePart, std::unique_ptr<Source>>;

enum class Persistence : uint8_t { Keep, Close };

struct Answer {
  int status = 200;
  std::string_view content_type{};
  std::span<const http::Field> fields{};  // further ones: Location, Allow, ETag, ...
  Content content{};
  Persistence persistence = Persistence::Keep;  // Close: the connection ends after this answer
};

// What another server has answered, to be passed on (RFC 9110 section 3.7).
struct PassedAnswer {
  const http::ReceivedHead& head;  // void after the call, as `content`
  http::Method method = http::Method::Get;
  // The content without its framing: all of it in `content`, or made by `rest`.
  std::string_view content{};
  std::unique_ptr<Source> rest{};
};

class TunnelEnd;  // tunnel_end.h

class Exchange {
 public:
  // Exactly once for each request, and the last thing that a handler or job does in a call:
  // afterwards the head is void and the job may be gone. What `answer` points to, except content,
  // need not outlive the call. HEAD is seen to here: answer it like GET.
  virtual void answer(Answer answer) = 0;

  // The same with a line of text that says what the status means; `reason` is one of ours.
  virtual void answer_error(int status, std::string_view reason,
                            std::span<const http::Field> fields) = 0;

  // Instead of answer(): as another server has answered. The job goes on to get the body: such an
  // answer may begin before the request has ended. Where its head finds no room, it is 502. Returns
  // how the client learns where it ends.
  virtual http::ClientFraming pass_on(PassedAnswer answer) = 0;

  // Before it: a 1xx (but 101) of that server.
  virtual void pass_on_interim(const http::ReceivedHead& head) = 0;

  // Instead of it: a 101 of that server. When it has left, `end` gets the client's socket.
  virtual void tunnel(const http::ReceivedHead& head, std::unique_ptr<TunnelEnd> end) = 0;

  // The job takes no more of the body for now, and then again: what the client sends meanwhile
  // waits in its socket (back-pressure). resume_body() may call on_body() before it returns.
  virtual void pause_body() = 0;
  virtual void resume_body() = 0;

  // The source that said Waiting can go on, or has ended. It is read before this returns, and may
  // be gone then.
  virtual void content_ready() = 0;

  // Instead of answer(), within Handler::handle(): the request asks for a WebSocket. Returns true
  // when it gets one: `handler`, which must outlive it, hears of it from on_open() on, with
  // `context` in it. Otherwise it has been refused, and that was the answer: 400, 405 or 426 where
  // it is no valid handshake, 403 where the origin is not allowed, 503 in a drain.
  virtual bool accept_web_socket(const WebSocketTerms& terms, WebSocketHandler& handler,
                                 void* context) = 0;

  // Instead of an answer, or behind one that has begun: breaks the client's connection, so that
  // nobody takes what it has got for whole.
  virtual void abort() = 0;

  virtual io::Loop& loop() = 0;

  // The descriptor of the connection, borrowed for the call: to ask the kernel who the client is.
  virtual int socket() const = 0;

 protected:
  ~Exchange() = default;
};

class Job {
 public:
  virtual ~Job() = default;

  // The body, piece by piece as it arrives, without its framing; then its end, also of a request
  // without a body. Neither is called any more once the job has answered: the rest is read and
  // dropped (but see pass_on()).
  virtual void on_body(std::string_view /*piece*/) {}
  virtual void on_body_end() {}

  // All of the body that has come has been told, and it has not ended.
  virtual void on_body_gap() {}

  // The client has ended its direction before the job has answered: most that do so are gone.
  virtual void on_client_ended() {}
};

struct Request {
  const http::RequestHead& head;  // void after the call
  std::string_view path;          // decoded and without dot segments; void after the call
};

struct Service;

class Handler {
 public:
  virtual ~Handler() = default;

  // Once, before the first request: what it may use from then on. It outlives the handler's
  // requests, and ends before the handler.
  // Errors: why the worker cannot serve; the code is the exit status.
  virtual Result<void> start(Service& /*service*/) { return {}; }

  // The worker drains: what would go on for ever is to end soon.
  virtual void drain() {}

  // Methods that the engine does not know are for it, too.
  virtual bool takes_unknown_methods() const { return false; }

  // Somebody else will read the path as it came: with "%2F", and without dot segments. Others are
  // given none with "%2F".
  virtual bool passes_path_on() const { return false; }

  // Null when it has answered. Then, or if there is none, the body is read and dropped.
  virtual std::unique_ptr<Job> handle(const Request& request, Exchange& exchange) = 0;
};

}  // namespace sockherd::worker
