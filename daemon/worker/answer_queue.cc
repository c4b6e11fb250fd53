#include "daemon/worker/answer_queue.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/base/assert.h"
#include "daemon/http/content_rule.h"
#include "daemon/worker/access_log.h"

namespace sockherd::worker {
namespace {

using stats::Count;

// A head of ours, but for the target that it may repeat (Location).
constexpr size_t kHeadBytes = 4096;

// As an answer to GET. A 304 speaks of no length either.
http::ContentRule rule_of(int status) {
  return http::content_rule(http::Method::Get, status);
}

// Of content; nothing where only the source knows when it ends.
std::optional<uint64_t> length_of(const Content& content) {
  if (const auto* view = std::get_if<std::string_view>(&content)) return view->size();
  if (const auto* text = std::get_if<std::string>(&content)) return text->size();
  if (const auto* file = std::get_if<FilePart>(&content)) return file->length;
  return (*std::get_if<std::unique_ptr<Source>>(&content))->size();
}

http::BodyKind framing_of(const std::optional<uint64_t>& length, uint8_t minor_version) {
  if (length) return http::BodyKind::Length;
  return minor_version == 0 ? http::BodyKind::None : http::BodyKind::Chunked;
}

Count count_of_class(int status) {
  constexpr std::array kClasses = {Count::Responses1xx, Count::Responses2xx, Count::Responses3xx,
                                   Count::Responses4xx, Count::Responses5xx};
  return kClasses[static_cast<size_t>(std::clamp(status / 100, 1, 5) - 1)];
}

}  // namespace

bool ends_with_connection(const Answer& answer, uint8_t minor_version) {
  return minor_version == 0 && rule_of(answer.status) == http::ContentRule::Sent &&
         !length_of(answer.content);
}

AnswerQueue::AnswerQueue(Service& service)
    : service_(service), output_(service.buffers), sent_at_(service.loop.now()) {}

bool AnswerQueue::has_room() const {
  const size_t needed = kHeadBytes + service_.limits.head.max_target_bytes;
  return !output_.has_content() && output_.room_bytes() >= needed;
}

bool AnswerQueue::put(Answer& answer, const Asked& asked) {
  if (asked.extras != nullptr && asked.extras->has_fields()) [[unlikely]] {
    const std::vector<http::Field> fields = asked.extras->merge(answer.fields);
    answer.fields = fields;
    Asked merged = asked;
    merged.extras = nullptr;
    return put(answer, merged);
  }
  const http::ContentRule rule = rule_of(answer.status);
  const bool with_content = rule == http::ContentRule::Sent;
  const std::optional<uint64_t> length =
      rule == http::ContentRule::Empty ? 0 : length_of(answer.content);
  const bool has_length = with_content || rule == http::ContentRule::Empty;
  const http::ResponseHead head{
      .opening = answer.status == 200 ? service_.opening() : std::string_view(),
      .status = answer.status,
      .date = answer.status == 200 ? std::string_view() : service_.date(),
      .content_type = answer.content_type,
      .body = has_length ? framing_of(length, asked.minor_version) : http::BodyKind::None,
      .content_length = length.value_or(0),
      .connection = asked.connection,
      .fields = answer.fields};
  const http::HeadWritten written = http::write_response_head(head, output_.bytes().room());
  if (written.outcome != http::WriteOutcome::Written) {
    put_error(500, "", {}, asked);
    return true;
  }
  output_.bytes().commit(written.bytes);
  note(answer.status, asked);
  const size_t content_at = output_.bytes().size();
  const bool is_put = asked.is_head || !with_content || put_content(answer.content, asked);
  if (log_ != nullptr) log_answer(answer.status, content_at);
  return is_put;
}

bool AnswerQueue::put_content(Content& content, const Asked& asked) {
  auto* source = std::get_if<std::unique_ptr<Source>>(&content);
  if (source == nullptr) return output_.put(content);
  const std::optional<uint64_t> size = (*source)->size();
  const bool is_chunked = framing_of(size, asked.minor_version) == http::BodyKind::Chunked;
  output_.put(std::move(*source), is_chunked ? Framing::Chunked : Framing::None, size);
  return true;
}

void AnswerQueue::put_error(int status, std::string_view reason,
                            std::span<const http::Field> fields, const Asked& asked) {
  if (asked.extras != nullptr) [[unlikely]] {
    return put_error_with_extras(status, reason, fields, asked);
  }
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
  if (log_ == nullptr) return;
  const std::string_view all = output_.bytes().bytes();
  constexpr std::string_view kEndOfHead = "\r\n\r\n";
  log_answer(status, all.find(kEndOfHead, all.size() - bytes) + kEndOfHead.size());
}

// The page of that status, or our own words with the fields added.
void AnswerQueue::put_error_with_extras(int status, std::string_view reason,
                                        std::span<const http::Field> fields, const Asked& asked) {
  const std::vector<http::Field> merged = asked.extras->merge(fields);
  Asked plain = asked;
  plain.extras = nullptr;
  const ErrorPage* page = asked.extras->page(status);
  if (page == nullptr) return put_error(status, reason, merged, plain);
  Answer answer{.status = status,
                .content_type = page->media_type,
                .fields = merged,
                .content = std::string_view(page->content)};
  const bool is_put = put(answer, plain);
  SH_ASSERT(is_put);  // it is in memory
}

void AnswerQueue::put_continue() {
  output_.bytes().append(http::kContinue);
  service_.counters.add(Count::Responses1xx);
}

// What does not fit behind the head is content of its own.
bool AnswerQueue::pass_on(PassedAnswer& answer, const http::ClientFraming& framing,
                          const Asked& asked) {
  std::vector<http::Field> added;
  if (asked.extras != nullptr) [[unlikely]]
    added = asked.extras->merge({});
  const http::ClientHead head{.framing = framing,
                              .connection = asked.connection,
                              .date = answer.head.has_date ? std::string_view() : service_.date(),
                              .fields = added};
  const http::HeadWritten written =
      http::write_client_head(answer.head, head, output_.bytes().room());
  if (written.outcome != http::WriteOutcome::Written) return false;
  output_.bytes().commit(written.bytes);
  note(answer.head.status, asked);
  const size_t content_at = output_.bytes().size();
  if (answer.rest != nullptr) {
    const bool is_chunked = framing.body == http::BodyKind::Chunked;
    const bool has_length = framing.body == http::BodyKind::Length;
    output_.put(std::move(answer.rest), is_chunked ? Framing::Chunked : Framing::None,
                has_length ? std::optional(framing.content_length) : std::nullopt);
  } else if (!answer.content.empty()) {
    if (answer.content.size() <= output_.room_bytes()) {
      output_.bytes().append(answer.content);
    } else {
      Content copy = std::string(answer.content);
      const bool is_put = output_.put(copy);
      SH_ASSERT(is_put);  // it is in memory
    }
  }
  if (log_ != nullptr) log_answer(answer.head.status, content_at);
  return true;
}

void AnswerQueue::pass_on_interim(const http::ReceivedHead& head) {
  const std::span<char> room = output_.bytes().room();
  const size_t kept = kHeadBytes + service_.limits.head.max_target_bytes;  // for the answer
  if (room.size() <= kept) return;                                         // it may be left out
  const http::HeadWritten written =
      http::write_client_head(head, {}, room.first(room.size() - kept));
  if (written.outcome != http::WriteOutcome::Written) return;
  output_.bytes().commit(written.bytes);
  service_.counters.add(Count::Responses1xx);
}

void AnswerQueue::note(int status, const Asked& asked) {
  service_.counters.add(count_of_class(status));
  if (count_++ == 0) oldest_began_ = asked.began;
}

AccessBatch& AnswerQueue::log_of(int fd) {
  if (log_ == nullptr) log_ = service_.access_log->begin(fd);
  return *log_;
}

void AnswerQueue::log_answer(int status, size_t content_at) {
  const bool is_behind = output_.has_content();  // of what is in the buffer, or made later
  log_->answered(status, content_at, is_behind ? AccessBatch::kNotKnown : output_.bytes().size());
}

FlushState AnswerQueue::flush(io::Socket& socket, Instant others_began) {
  const FlushOutcome outcome = output_.flush(socket);
  service_.counters.add(Count::BytesSent, outcome.bytes);
  if (outcome.bytes > 0) sent_at_ = service_.loop.now();
  state_ = outcome.state;
  if (state_ == FlushState::Done) observe_latency(others_began);
  if (log_ != nullptr) log_->sent(outcome.bytes, state_ == FlushState::Done, sent_at_);
  const bool is_blocked = state_ == FlushState::Blocked;
  if (is_blocked || pace_.is_on()) {
    pace_.note(socket, service_.loop.now(), outcome.bytes, is_blocked);
  }
  return state_;
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
