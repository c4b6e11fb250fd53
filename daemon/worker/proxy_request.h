// ProxyRequest: one request on its way through the proxy, and its answer on the way back.
//
//   Gathering ──body is there, or its first part──► Seeking (proxy_place.h)
//     ──connection──► Asking ──head of the answer (proxy_answer.h)──► Answering ──end──► Over
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
#include <span>
#include <string_view>

#include "daemon/http/forward.h"
#include "daemon/io/timer_wheel.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/proxy_answer.h"
#include "daemon/worker/proxy_body.h"
#include "daemon/worker/proxy_place.h"

namespace sockherd::worker {

class Proxy;

class ProxyRequest final : private ProxyPlaceUser, private io::Timer {
 public:
  explicit ProxyRequest(Proxy& proxy);
  ~ProxyRequest();

  // Null where it is answered already.
  std::unique_ptr<Job> begin(const Request& request, Exchange& exchange);

 private:
  enum class Phase : uint8_t { Free, Gathering, Seeking, Asking, Answering, Over };

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
    std::span<const http::Field> trailers() const override { return request_.answer_.trailers(); }

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

  // Asking.
  void seek();
  void forget_connection();
  void on_connected() override;
  void on_no_place(ProxyFailure why) override { refuse(why); }
  void on_upstream(io::Events events) override;
  void on_upstream_due(Instant now) override;
  void send_request();
  io::Outcome receive(std::span<char> room);
  void read_head();
  bool take_heads();
  bool take_end();
  void begin_answer();
  void become_tunnel();

  // Answering.
  Source::Piece read(std::span<char> room);
  bool receive_content(std::span<char> room, size_t& made);
  bool has_had_its_turn();

  // The end of it.
  void fail(ProxyFailure why);
  bool may_retry(ProxyFailure why) const;
  void refuse(ProxyFailure why);
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
  ProxyAnswer answer_;
  ProxyPlace place_;
  Instant progress_at_;                  // of the upstream
  Instant give_up_at_{Duration::max()};  // the client has ended its direction
  Instant turn_at_;                      // the last turn, and what was received in it
  size_t turn_bytes_ = 0;
  uint32_t life_ = 0;  // how many requests this was before
  Phase phase_ = Phase::Free;
  http::Method method_ = http::Method::Get;
  http::BodyKind body_kind_ = http::BodyKind::None;
  bool has_job_ : 1 = false;
  bool has_source_ : 1 = false;
  bool is_idempotent_ : 1 = false;
  bool is_upgrade_ : 1 = false;
  bool wants_trailers_ : 1 = false;
  bool body_ended_ : 1 = false;   // all of the request is here
  bool is_paused_ : 1 = false;    // the client's body
  bool has_sent_ : 1 = false;     // anything, on this connection
  bool cannot_send_ : 1 = false;  // any more; an answer may still come
  bool may_read_ : 1 = false;
  bool peer_closed_ : 1 = false;
  bool is_broken_ : 1 = false;        // the answer: the source says so
  bool is_read_waiting_ : 1 = false;  // the source has said Waiting
};

}  // namespace sockherd::worker
