#include "daemon/worker/web_socket_pool.h"

#include "daemon/worker/web_socket_traffic.h"

namespace sockherd::worker {
namespace {

// Of the free ones, those that keep their buffers, and those that are kept at all.
constexpr size_t kWarm = 4;
constexpr size_t kKept = 256;

constexpr size_t kKeptScratch = size_t{64} * 1024;

}  // namespace

WebSocketPool::WebSocketPool(BufferPool& buffers) : buffers_(buffers) {}
WebSocketPool::~WebSocketPool() = default;

WebSocketTraffic* WebSocketPool::acquire(const websocket::Receiver::Terms& terms) {
  if (free_.empty()) return std::make_unique<WebSocketTraffic>(buffers_, terms).release();
  std::unique_ptr<WebSocketTraffic> taken = std::move(free_.back());
  free_.pop_back();
  taken->receiver.restart(terms);
  taken->pace = {};
  return taken.release();
}

// One that has ended in the middle of something is not worth tidying up.
void WebSocketPool::release(WebSocketTraffic* traffic) {
  std::unique_ptr<WebSocketTraffic> released(traffic);
  if (!released->is_over() || free_.size() >= kKept) return;
  if (free_.size() >= kWarm) released->release_memory();
  free_.push_back(std::move(released));
}

void WebSocketPool::trim(std::string& scratch) {
  if (scratch.capacity() > kKeptScratch) std::string().swap(scratch);
}

}  // namespace sockherd::worker
