#include "daemon/worker/upstream_probe.h"

#include <array>
#include <utility>

#include "daemon/http/response_head.h"

namespace sockherd::worker {
namespace {

// Of the answer, whose status is all that counts.
constexpr size_t kMostBytes = size_t{16} * 1024;

}  // namespace

UpstreamProbe::UpstreamProbe(io::Loop& loop, const contract::UpstreamFile::Tenant& tenant,
                             const std::string& path, Duration longest,
                             std::function<void()> on_well)
    : on_well_(std::move(on_well)) {
  if (!path.empty()) {
    request_ = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
               "User-Agent: sockherd\r\n\r\n";
  }
  auto opened = UpstreamConnection::open(loop, tenant.address, tenant.tenant, *this);
  if (!opened.ok()) return;
  connection_ = std::move(opened).value();
  connection_->set_deadline(loop.now() + longest);
  if (connection_->is_up()) ask();
}

void UpstreamProbe::end(bool is_well) {
  connection_.reset();
  if (is_well) on_well_();
}

void UpstreamProbe::on_upstream_connected(UpstreamConnection& /*connection*/) {
  ask();
}

void UpstreamProbe::on_upstream_refused(UpstreamConnection& /*connection*/, int /*error*/) {
  end(false);
}

void UpstreamProbe::on_upstream_due(UpstreamConnection& /*connection*/, Instant /*now*/) {
  end(false);
}

void UpstreamProbe::ask() {
  if (request_.empty()) return end(true);
  while (sent_ < request_.size()) {
    const io::Outcome sent = connection_->socket().send(std::string_view(request_).substr(sent_));
    sent_ += sent.bytes;
    if (sent.state == io::State::Blocked) return;
    if (sent.state != io::State::Done) return end(false);
  }
}

void UpstreamProbe::on_upstream(UpstreamConnection& /*connection*/, io::Events /*events*/) {
  if (sent_ < request_.size()) ask();
  std::array<char, 2048> piece;
  while (connection_ != nullptr) {
    const io::Outcome got = connection_->socket().receive(piece);
    if (got.state == io::State::Blocked) return;
    if (got.state != io::State::Done || answer_.size() > kMostBytes) return end(false);
    answer_.append(piece.data(), got.bytes);
    take_answer();
  }
}

// What it says first may be an interim one (103).
void UpstreamProbe::take_answer() {
  while (connection_ != nullptr) {
    http::ReceivedHead head;
    size_t scanned = 0;
    const http::ParseResult parsed = http::parse_response_head(
        answer_, {}, {.method = http::Method::Get, .upgrade = false}, head, scanned);
    if (parsed.state == http::ParseState::Incomplete) return;
    if (parsed.state == http::ParseState::Refused) return end(false);
    if (!head.is_interim()) return end(head.status >= 200 && head.status < 400);
    if (++interim_ > http::kMostInterimResponses) return end(false);
    answer_.erase(0, parsed.consumed);
  }
}

}  // namespace sockherd::worker
