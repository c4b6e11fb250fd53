// ProxyRequest: one request on its way through the proxy, and its answer on the way back.
//
//   Gathering ──body is there, or its first part──► Waiting (queue) ──place──► Connecting
//     ──► Asking ──head of the answer──► Answering ──end──► Over
//
// The client's side owns it by two ends, the job and, where the answer is longer than one read, its
// source; when both are gone it goes back to the proxy's free ones, with whatever was under way.
// What fails before the head of the answer has come may be tried again (may_retry()); afterwards
// the client's connection is broken.
//
// Whatever calls the exchange may end this object: it is the last thing that is done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "daemon/http/body.h"
#include "daemon/http/forward.h"
#include "daemon/http/response_head.h"
#include "daemon/io/timer_wheel.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/proxy_body.h"
#include "daemon/worker/upstreams.h"

namespace sockherd::worker {

class Proxy;

class ProxyRequest final : private UpstreamUser, private UpstreamWaiter, private io::Timer {
 public:
  explicit ProxyRequest(Proxy& proxy);
  ~ProxyRequest();

  // Null where it is answered already.
  std::unique_ptr<Job> begin(const Request& request, Exchange& exchange);

 private:
  enum class Phase : uint8_t { Free, Gathering, Waiting, Connecting, Asking, Answering, Over };
  enum class Failure : uint8_t {
    NoConnection,  // nothing was sent: it is not there
    NoMeans,       // the same, and not its fault: descriptors, ports, a queue that is full
    Closed,        // before the first byte of an answer
    Broken,        // in its head
    BadAnswer,     // what came is none
    TimedOut,
  };

  // The ends. Deleting one tells the request, which has its memory.
  class JobEnd final : public Job {
   public:
    explicit JobEnd(ProxyRequest& request) : request_(request) {}
    void operator delete(JobEnd* end, std::destroying_delete_t) { end->request_.on_job_gone(); }
    void on_body(std::string_view piece) override { request_.on_body(piece); }
    void on_body_end() override { request_.on_body_end(); }
    void on_body_gap() override { request_.on_body_gap(); }
    void on_client_ended() override { request_.on_client_ended(); }

   private:
    ProxyRequest& request_;
  };
  class SourceEnd final : public Source {
   public:
    explicit SourceEnd(ProxyRequest& request) : request_(request) {}
    void operator delete(SourceEnd* end, std::destroying_delete_t) {
      end->request_.on_source_gone();
    }
    Piece read(std::span<char> room) override { return request_.read(room); }
    std::span<const http::Field> trailers() const override { return request_.trailers_; }

   private:
    ProxyRequest& request_;
  };

  // The client's side.
  void on_body(std::string_view piece);
  void on_body_end();
  void on_body_gap();
  void on_client_ended();
  bool drops_body() const;
  void push();
  void resume_client();
  void call_soon();
  static void refuse_head(const http::ForwardedHead& written, http::Method method,
                          Exchange& exchange);
  void on_job_gone();
  void on_source_gone();
  void recycle();

  // Getting a place, and a connection.
  void seek_place();
  void wait_for_place();
  void start_at(UpstreamTarget& target);
  void on_place(UpstreamTarget& target) override;
  void on_queue_timeout() override;
  bool is_fit(UpstreamConnection& kept) const;

  // Asking.
  void on_upstream_connected(UpstreamConnection& connection) override;
  void on_upstream_refused(UpstreamConnection& connection, int error) override;
  void on_upstream(UpstreamConnection& connection, io::Events events) override;
  void on_upstream_due(UpstreamConnection& connection, Instant now) override;
  void ask();
  void send_request();
  io::Outcome receive(std::span<char> room);
  void read_head();
  bool parse_head();
  void begin_answer();
  bool decode(std::span<char> bytes, size_t& content);
  bool take_end(size_t& content);

  // Answering.
  Source::Piece read(std::span<char> room);
  size_t take_pending(std::span<char> room);
  bool receive_content(std::span<char> room, size_t& made);
  bool has_had_its_turn();
  void finish_trailers();
  void become_tunnel();

  // The end of it.
  void fail_to_connect(int error);
  void fail(Failure why);
  static bool is_unsent(Failure why);
  bool may_retry(Failure why) const;
  void try_another(Failure why, UpstreamTarget& refused);
  void answer_failure(Failure why, const UpstreamTarget& target);
  void refuse(int status, std::string_view reason);
  void let_go();
  void break_off();
  void end_exchange();
  bool is_reusable();

  void on_due(Instant now) override;
  bool owes_us() const;

  Proxy& proxy_;
  Exchange* exchange_ = nullptr;
  JobEnd job_end_{*this};
  SourceEnd source_end_{*this};
  ProxyBody request_;
  Buffer in_;
  http::BodyReader content_;
  std::unique_ptr<UpstreamConnection> connection_;
  UpstreamTarget* target_ = nullptr;        // counted there
  const UpstreamTarget* failed_ = nullptr;  // the last one that could not be asked
  std::string trailer_lines_;
  std::vector<http::Field> trailers_;
  Instant refused_at_;                   // the first time, by who should answer
  Instant progress_at_;                  // of the upstream
  Instant give_up_at_{Duration::max()};  // the client has ended its direction
  Instant turn_at_;                      // the last turn, and what was received in it
  size_t turn_bytes_ = 0;
  size_t scanned_ = 0;
  size_t pending_ = 0;  // content in in_ that the source has not given yet
  uint32_t life_ = 0;   // how many requests this was before
  uint32_t tries_ = 0;
  int error_ = 0;  // why there is no connection
  uint16_t interims_ = 0;
  Phase phase_ = Phase::Free;
  http::Method method_ = http::Method::Get;
  http::BodyKind body_kind_ = http::BodyKind::None;
  http::Framing framing_ = http::Framing::None;
  bool has_job_ : 1 = false;
  bool has_source_ : 1 = false;
  bool is_idempotent_ : 1 = false;
  bool is_upgrade_ : 1 = false;
  bool wants_trailers_ : 1 = false;
  bool body_ended_ : 1 = false;  // all of the request is here
  bool is_paused_ : 1 = false;   // the client's body
  bool was_kept_ : 1 = false;    // the connection
  bool must_be_fresh_ : 1 = false;
  bool has_sent_ : 1 = false;     // anything, on this connection
  bool cannot_send_ : 1 = false;  // any more; an answer may still come
  bool may_read_ : 1 = false;
  bool peer_closed_ : 1 = false;
  bool keeps_alive_ : 1 = false;      // the connection, says the answer
  bool has_ended_ : 1 = false;        // the answer, with the connection
  bool is_broken_ : 1 = false;        // the answer: the source says so
  bool is_read_waiting_ : 1 = false;  // the source has said Waiting
};

}  // namespace sockherd::worker
