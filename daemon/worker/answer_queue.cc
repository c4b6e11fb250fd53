#include "daemon/worker/answer_queue.h"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/base/assert.h"

namespace sockherd::worker {
namespace {

using stats::Count;

// A head of ours, but for the target that it may repeat (Location).
constexpr size_t kHeadBytes = 4096;

bool has_content(int status) {
  return status >= 200 && status != 204 && status != 304;
}

Count count_of_class(int status) {
  constexpr std::array kClasses = {Count::Responses1xx, Count::Responses2xx, Count::Responses3xx,
                                   Count::Responses4xx, Count::Responses5xx};
  return kClasses[static_cast<size_t>(std::clamp(status / 100, 1, 5) - 1)];
}

}  // namespace

AnswerQueue::AnswerQueue(Service& service)
    : service_(service), output_(service.buffers), sent_at_(service.loop.now()) {}

bool AnswerQueue::has_room() const {
  const size_t needed = kHeadBytes + service_.limits.head.max_target_bytes;
  return !output_.has_content() && output_.room_bytes() >= needed;
}

bool AnswerQueue::put(Answer answer, const Asked& asked) {
  const bool with_content = has_content(answer.status);
  const http::ResponseHead head{
      .status = answer.status,
      .date = service_.date(),
      .content_type = answer.content_type,
      .body = with_content ? http::BodyKind::Length : http::BodyKind::None,
      .content_length = content_bytes(answer.content),
      .connection = asked.connection,
      .fields = answer.fields};
  const http::HeadWritten written = http::write_response_head(head, output_.bytes().room());
  if (written.outcome != http::WriteOutcome::Written) {
    put_error(500, "", {}, asked);
    return true;
  }
  output_.bytes().commit(written.bytes);
  note(answer.status, asked);
  return asked.is_head || !with_content || output_.put(std::move(answer.content));
}

void AnswerQueue::put_error(int status, std::string_view reason,
                            std::span<const http::Field> fields, const Asked& asked) {
  const http::ErrorResponse error{.status = status,
                                  .reason = reason,
                                  .date = service_.date(),
                                  .connection = asked.connection,
                                  .method = asked.is_head ? http::Method::Head : http::Method::Get,
                                  .fields = fields};
  const size_t bytes = http::write_error_response(error, output_.bytes().room());
  SH_ASSERT(bytes > 0);  // our own fields, and has_room()
  output_.bytes().commit(bytes);
  note(status, asked);
}

void AnswerQueue::put_continue() {
  output_.bytes().append(http::kContinue);
  service_.counters.add(Count::Responses1xx);
}

void AnswerQueue::note(int status, const Asked& asked) {
  service_.counters.add(count_of_class(status));
  if (count_++ == 0) oldest_began_ = asked.began;
}

IoState AnswerQueue::flush(int fd, Instant others_began) {
  const IoOutcome outcome = output_.flush(fd);
  service_.counters.add(Count::BytesSent, outcome.bytes);
  if (outcome.bytes > 0) sent_at_ = service_.loop.now();
  is_blocked_ = outcome.state == IoState::Blocked;
  if (outcome.state == IoState::Done) observe_latency(others_began);
  return outcome.state;
}

// One reading of the clock for all answers of one send.
void AnswerQueue::observe_latency(Instant others_began) {
  if (count_ == 0) return;
  const Instant now = service_.loop.read_clock();
  const auto observe = [this, now](Instant began) {
    service_.counters.observe_latency_ns(static_cast<uint64_t>((now - began).count()));
  };
  observe(oldest_began_);
  for (uint32_t i = 1; i < count_; ++i) observe(others_began);
  count_ = 0;
  sent_at_ = now;
}

}  // namespace sockherd::worker
