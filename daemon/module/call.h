// Call: one request and its response, as handlers see them.
//
// The views of the request are those of the engine until own() copies them: for a body, for a
// blocking thread, for a response that is kept. One thread at a time has it: the loop's, or a
// blocking one between submit and done. Reused by the application where nobody has kept it.
#pragma once

#include <sockherd/app.h>

#include <any>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/http/named_values.h"
#include "daemon/http/request.h"
#include "daemon/module/form.h"
#include "daemon/module/route_table.h"
#include "daemon/module/stream.h"
#include "daemon/worker/handler.h"

namespace sockherd::module {

class Application;

// Between what waits in the engine and what answers it: who goes first says so here.
struct Wire {
  worker::Exchange* exchange = nullptr;  // null: the request is over
};

class Call final : public app::Request,
                   public app::Response,
                   public std::enable_shared_from_this<Call> {
 public:
  explicit Call(Application& application) : application_(application) {}
  ~Call() override;

  // --- The application's side.

  void begin(const Route* route, app::Method method, const http::RequestHead& head,
             std::string_view path, const worker::Exchange& exchange) {
    exchange_ = &exchange;
    route_ = route;
    method_ = method;
    head_ = &head;
    path_ = path;
    target_ = head.target;
    query_ = head.query;
  }
  Values& values() { return values_; }
  // Forgets all, for the next request.
  void reset() {
    content_ = Content::None;
    if (is_dirty_) [[unlikely]]
      reset_all();
  }
  void own();
  const Route* matched() const { return route_; }

  void set_body(std::string body) { body_in_ = std::move(body); }
  void set_form(std::unique_ptr<MultipartForm> form) { lazy().multipart = std::move(form); }
  void set_wire(std::shared_ptr<Wire> wire) {
    wire_ = std::move(wire);
    exchange_ = nullptr;
  }
  // Another thread is about to have it.
  void set_blocking();
  bool is_kept() const { return is_kept_ && !is_sent_; }

  bool has_failed() const { return content_ == Content::Failed; }
  std::string_view failure() const { return body_; }
  // Takes back what was to be sent, but for the fields.
  void clear_content();
  // fail() whatever was said before; also of one that was kept.
  void fail_now(int status, std::string_view text);
  // The same with 500, after an exception: without the fields too, for what was half made of the
  // answer (its coding, how long it may be stored) is not true of this one.
  void break_off();
  // Answers now.
  void answer(worker::Exchange& exchange);
  // The same of a kept one, if somebody still waits.
  void answer_wire();

  // --- app::Request (call_request.cc)
  app::Method method() const override { return method_; }
  std::string_view path() const override { return path_; }
  std::string_view prefix() const override;
  std::string_view target() const override { return target_; }
  std::string_view route() const override;
  std::string_view param(std::string_view name) const override;
  std::optional<std::string_view> query(std::string_view name) const override;
  std::span<const app::Pair> queries() const override;
  std::string_view query_string() const override { return query_; }
  std::optional<std::string_view> header(std::string_view name) const override;
  std::span<const app::Header> headers() const override;
  std::optional<std::string_view> cookie(std::string_view name) const override;
  std::string_view body() const override { return body_in_; }
  std::optional<std::string_view> form(std::string_view name) const override;
  std::span<const app::Pair> forms() const override;
  std::span<const app::Upload* const> files() const override;
  std::string_view client() const override;
  std::any& local(std::string_view name) override;

  // --- app::Response (call_response.cc)
  app::Response& status(int status) override;
  int status() const override { return status_; }
  app::Response& header(std::string_view name, std::string_view value) override;
  app::Response& add_header(std::string_view name, std::string_view value) override;
  app::Response& cookie(const app::Cookie& cookie) override;
  app::Response& content(std::string_view type, std::string bytes) override;
  app::Response& constant(std::string_view type, std::string_view bytes) override;
  app::Response& file(const std::string& path, std::string_view type) override;
  app::Response& redirect(std::string_view location, int status) override;
  std::shared_ptr<app::Stream> stream(std::string_view type) override;
  std::shared_ptr<app::EventStream> events(std::chrono::milliseconds heartbeat) override;
  void fail(int status, std::string_view text) override;
  bool is_answered() const override { return content_ != Content::None; }
  app::Response& close() override;
  std::shared_ptr<app::Response> keep() override;
  void send() override;
  bool is_open() const override;

 private:
  enum class Content : uint8_t { None, Text, Constant, File, Source, Failed };
  struct OwnField {
    std::string name;
    std::string value;
  };
  // What most requests do not ask for.
  struct Named {
    http::NamedValues values;
    std::vector<app::Pair> pairs;
  };
  struct Lazy {
    std::optional<Named> queries;
    std::optional<Named> cookies;
    std::optional<Named> urlencoded;
    std::unique_ptr<MultipartForm> multipart;
    std::vector<app::Header> headers;
    std::map<std::string, std::any, std::less<>> locals;
    std::string client;
  };

  void reset_all();
  Lazy& lazy() const;
  static Named named(std::optional<http::NamedValues> values, const char* fault);
  const Named& urlencoded() const;
  void must_be_open() const;
  void set_content(Content content, std::string_view type);
  void answer_failure(worker::Exchange& exchange, std::span<const http::Field> fields) const;
  worker::Content take_content();

  Application& application_;
  const Route* route_ = nullptr;
  app::Method method_ = app::Method::Get;
  mutable bool is_dirty_ = false;  // there is more to forget than a constant
  bool is_blocking_ = false;
  bool is_kept_ = false;
  bool is_sent_ = false;
  bool closes_ = false;
  Content content_ = Content::None;
  int status_ = 200;
  const http::RequestHead* head_ = nullptr;     // null: owned
  const worker::Exchange* exchange_ = nullptr;  // before there is a wire
  std::string_view path_;
  std::string_view target_;
  std::string_view query_;
  Values values_;
  std::string body_in_;
  std::string copy_;  // of all that the views point to, where they are owned
  std::shared_ptr<Wire> wire_;
  mutable std::unique_ptr<Lazy> lazy_;

  std::string type_;
  std::string_view shown_type_;  // type_, or that of a constant
  std::string body_;             // of Text; the words of Failed
  std::string_view constant_;    // of Constant
  worker::FilePart file_;
  std::unique_ptr<StreamSource> source_;
  std::vector<OwnField> fields_;
  std::vector<http::Field> views_;  // of fields_, at the end
};

}  // namespace sockherd::module
