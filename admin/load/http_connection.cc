#include "admin/load/http_connection.h"

#include "daemon/http/characters.h"

namespace sockherd::load {
namespace {

bool has_field(const Plan& plan, std::string_view name) {
  for (const std::string& header : plan.headers) {
    if (http::equals_ignore_case(std::string_view(header).substr(0, header.find(':')), name)) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string write_request(const Plan& plan) {
  std::string text = plan.method + " " + plan.target.path + " HTTP/1.1\r\n";
  if (!has_field(plan, "host")) text += "Host: " + plan.target.field + "\r\n";
  for (const std::string& header : plan.headers) text += header + "\r\n";
  if (plan.is_one_each) text += "Connection: close\r\n";
  const bool has_body = !plan.body.empty() || plan.method == "POST" || plan.method == "PUT";
  if (has_body && !has_field(plan, "content-length")) {
    text += "Content-Length: " + std::to_string(plan.body.size()) + "\r\n";
  }
  return text + "\r\n" + plan.body;
}

// What its answers depend on.
http::Method HttpConnection::asked() const {
  return setting_.plan.method == "HEAD" ? http::Method::Head : http::Method::Get;
}

void HttpConnection::on_connected() {
  reader_ = ResponseReader(asked());
  set_open(setting_.loop.read_clock());
}

void HttpConnection::write_message(Instant /*due*/) {
  if (++unsent_ == 1) flush();
}

void HttpConnection::flush() {
  const std::string_view request = setting_.request;
  while (unsent_ > 0) {
    const io::Outcome outcome = put(request.substr(offset_));
    // What is broken is heard of when it is read: an answer may lie before it.
    if (outcome.state != io::State::Done) {
      offset_ += outcome.bytes;
      return;
    }
    offset_ = 0;
    --unsent_;
  }
}

// Returns false when this is closed.
bool HttpConnection::answered() {
  const Instant now = setting_.loop.read_clock();
  const bool keeps_alive = reader_.keeps_alive() && !setting_.plan.is_one_each;
  setting_.tally.add_status(reader_.status());
  reader_ = ResponseReader(asked());
  const Instant due = settle(now);
  if (!keeps_alive) state_ = State::Closing;  // nothing more is sent on it
  setting_.owner.on_answered(*this, due);
  if (!keeps_alive) end();
  return !is_closed();
}

bool HttpConnection::take(std::span<char> bytes) {
  std::string_view data(bytes.data(), bytes.size());
  if (!rest_.empty()) data = rest_.append(data);
  size_t taken = 0;
  while (taken < data.size()) {
    if (owed() == 0) {
      fail(Failure::BadAnswer);  // to what was never asked
      return false;
    }
    const ResponseReader::Step step = reader_.read(data.substr(taken), setting_.head);
    taken += step.consumed;
    if (step.state == http::ParseState::Refused) {
      fail(Failure::BadAnswer);
      return false;
    }
    if (step.state == http::ParseState::Incomplete) break;
    if (!answered()) return false;
  }
  rest_ = std::string(data.substr(taken));
  return true;
}

void HttpConnection::on_end() {
  if (owed() > 0 && reader_.ends_here()) {
    answered();
    return;
  }
  end();
}

void HttpConnection::on_closed() {
  rest_ = {};
  unsent_ = 0;
  offset_ = 0;
}

void HttpConnection::finish() {
  close();
  setting_.owner.on_ended(*this);
}

}  // namespace sockherd::load
