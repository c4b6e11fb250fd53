#include "daemon/worker/access_log.h"

#include <utility>

#include "daemon/base/log.h"

namespace sockherd::worker {
namespace {

using stats::Count;

// How often our own log says that the access log drops.
constexpr Duration kBetweenWarnings = std::chrono::seconds(10);

}  // namespace

AccessLog::AccessLog(AccessWriter& writer, size_t number, const io::Loop& loop,
                     stats::Counters& counters)
    : writer_(writer), ring_(writer.ring(number)), loop_(loop), counters_(counters) {}

Result<AccessWriterHandle> AccessLog::start_writer(const config::Pool& pool, uint32_t slot,
                                                   size_t loops, stats::Counters& counters) {
  if (pool.access_log.empty()) return AccessWriterHandle();
  auto sink = TRY(AccessSink::open(
      {.where = pool.access_log,
       .style = pool.access_log_format == "json" ? AccessStyle::Json : AccessStyle::Combined,
       .pool = pool.name,
       .slot = slot}));
  return AccessWriter::start(std::move(sink), loops, static_cast<size_t>(pool.access_log_buffer),
                             counters);
}

AccessBatchHandle AccessLog::begin(int fd) {
  if (free_.empty()) free_.push_back(std::make_unique<AccessBatch>(*this));
  AccessBatchHandle batch(free_.back().release());
  free_.pop_back();
  batch->begin(client_of(fd));
  return batch;
}

ClientAddress& AccessLog::place_of(int fd) {
  const auto index = static_cast<size_t>(fd);
  if (index >= clients_.size()) clients_.resize(index + 1);
  return clients_[index];
}

void AccessLog::know(int fd, const ClientAddress& client) {
  place_of(fd) = client;
}

const ClientAddress& AccessLog::client_of(int fd) {
  ClientAddress& client = place_of(fd);
  if (!client.is_known()) client = ClientAddress::of(fd);
  return client;
}

void AccessLog::forget(int fd) {
  const auto index = static_cast<size_t>(fd);
  if (index < clients_.size()) clients_[index].family = AF_UNSPEC;
}

void AccessLog::log_refused(int fd, std::string_view came, int status) {
  const AccessBatchHandle batch = begin(fd);
  batch->open(came, now());
  batch->answered(status, 0, 0);
  batch->sent(0, true, now());
  forget(fd);
}

void AccessLog::push(const AccessFacts& facts, std::string_view texts) {
  const std::string_view head(reinterpret_cast<const char*>(&facts), sizeof facts);
  if (!ring_.push(head, texts)) return note_drop();
  has_more_ = true;
  // A turn may handle more than the ring holds.
  if (ring_.is_half_full()) tell_writer();
}

void AccessLog::tell_writer() {
  has_more_ = false;
  writer_.has_more(ring_);
}

void AccessLog::note_drop() {
  counters_.add(Count::AccessLogDropped);
  ++dropped_;
  if (warned_at_ != Instant{} && now() - warned_at_ < kBetweenWarnings) return;
  warned_at_ = now();
  log::warn("access-log-full",
            {{"dropped", std::exchange(dropped_, 0)},
             {"next", "the disk or the reader is too slow; see access_log_buffer"}});
}

}  // namespace sockherd::worker
