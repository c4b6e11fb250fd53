#include "daemon/worker/buffer.h"

#include <cstring>
#include <utility>

#include "daemon/base/assert.h"

namespace sockherd::worker {

BufferPool::Block BufferPool::acquire() {
  ++in_use_;
  if (free_.empty())
    return Block(new char[block_bytes_]);  // not zeroed: only what is used is paged in
  Block block = std::move(free_.back());
  free_.pop_back();
  return block;
}

void BufferPool::release(Block block) {
  --in_use_;
  if (free_.size() < kKeptBlocks) free_.push_back(std::move(block));
}

void Buffer::append(std::string_view bytes) {
  SH_ASSERT(bytes.size() <= room_bytes());
  std::memcpy(room().data(), bytes.data(), bytes.size());
  end_ += bytes.size();
}

void Buffer::compact() {
  if (begin_ == 0) return;
  if (begin_ != end_) std::memmove(block_.get(), block_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
}

void Buffer::clear() {
  if (block_) pool_->release(std::move(block_));
  begin_ = end_ = 0;
}

}  // namespace sockherd::worker
