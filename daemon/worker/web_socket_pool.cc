#include "daemon/worker/web_socket_pool.h"

#include <malloc.h>

#include <chrono>

#include "daemon/worker/web_socket_traffic.h"

namespace sockherd::worker {
namespace {

// Of the free ones, those that keep their buffers, and those that are kept at all.
constexpr size_t kWarm = 4;
constexpr size_t kKept = 256;

// From so many at a time on, their memory is worth giving back, when they have been few for a
// while.
constexpr size_t kMany = 1024;
constexpr Duration kBeforeTrim = std::chrono::seconds(5);

constexpr size_t kKeptScratch = size_t{64} * 1024;

}  // namespace

WebSocketPool::WebSocketPool(io::Loop& loop, BufferPool& buffers)
    : loop_(loop), buffers_(buffers) {}
WebSocketPool::~WebSocketPool() = default;

WebSocketTraffic* WebSocketPool::acquire(const websocket::Receiver::Terms& terms) {
  if (++in_use_ == kMany) loop_.timers().arm(*this, loop_.now() + kBeforeTrim);
  if (free_.empty()) return std::make_unique<WebSocketTraffic>(buffers_, terms).release();
  std::unique_ptr<WebSocketTraffic> taken = std::move(free_.back());
  free_.pop_back();
  taken->receiver.restart(terms);
  taken->pace = {};
  return taken.release();
}

// One that has ended in the middle of something is not worth tidying up.
void WebSocketPool::release(WebSocketTraffic* traffic) {
  --in_use_;
  std::unique_ptr<WebSocketTraffic> released(traffic);
  if (!released->is_over() || free_.size() >= kKept) return;
  if (free_.size() >= kWarm) released->release_memory();
  free_.push_back(std::move(released));
}

// malloc(3) keeps pages that are free between others.
void WebSocketPool::on_due(Instant now) {
  if (in_use_ >= kMany) return loop_.timers().arm(*this, now + kBeforeTrim);
  ::malloc_trim(0);
}

void WebSocketPool::trim(std::string& scratch) {
  if (scratch.capacity() > kKeptScratch) std::string().swap(scratch);
}

}  // namespace sockherd::worker
