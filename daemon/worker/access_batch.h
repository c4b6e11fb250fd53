// AccessBatch: the requests in flight on one connection, for the access log.
//
//   open ──► answered ──► all of it has left ──► logged
//
// Copies at once what is logged of a request, since its head is void before its answer is sent, and
// counts bytes to know which answers have left. What has not when it is destroyed is logged as far
// as it came: with the status and the bytes that the client has got, or, if there was no answer
// yet, with status 499 (the client has gone), as nginx does.
//
// Costs nothing where the log is off: then there is none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/instant.h"
#include "daemon/http/request.h"
#include "daemon/worker/access_record.h"

namespace sockherd::worker {

class AccessBatch;
class AccessLog;

struct AccessBatchReturn {
  void operator()(AccessBatch* batch) const;
};
using AccessBatchHandle = std::unique_ptr<AccessBatch, AccessBatchReturn>;

class AccessBatch {
 public:
  static constexpr uint64_t kNotKnown = UINT64_MAX;
  static constexpr uint16_t kClientGone = 499;

  explicit AccessBatch(AccessLog& log) : log_(log) {}
  AccessBatch(const AccessBatch&) = delete;
  AccessBatch& operator=(const AccessBatch&) = delete;

  // A request has come. began: its first byte.
  void open(const http::RequestHead& head, Instant began);

  // Something has come that is no request, or not yet: its first line is logged.
  void open(std::string_view came, Instant began);

  // Whether a request waits for its answer.
  bool is_open() const { return !entries_.empty() && !entries_.back().is_answered; }

  // Requests that are remembered: bounded by what is under way.
  size_t held() const { return entries_.size(); }

  // Its answer is put: its content begins `content_at` bytes behind what has left, and ends at
  // `end` of them, which may be kNotKnown in the last one. Requires: is_open().
  void answered(int status, uint64_t content_at, uint64_t end);

  // So many bytes more have left; if is_all, that is everything.
  void sent(uint64_t bytes, bool is_all, Instant now);

 private:
  friend class AccessLog;
  friend struct AccessBatchReturn;
  struct Entry {
    AccessFacts facts;
    size_t texts_at = 0;
    uint64_t content_at = 0;  // from here on: in the stream of bytes since the batch began
    uint64_t end = kNotKnown;
    bool is_answered = false;
  };

  void begin(const ClientAddress& client);
  void abandon();
  Entry& add(Instant began);
  uint16_t add_request_line(const http::RequestHead& head);
  uint16_t add_text(std::string_view text, size_t most);
  void log(Entry& entry, Instant now);
  void forget_logged();
  void clear();

  AccessLog& log_;
  ClientAddress client_;
  std::vector<Entry> entries_;
  std::string texts_;
  size_t logged_ = 0;  // entries
  uint64_t sent_ = 0;
};

}  // namespace sockherd::worker
