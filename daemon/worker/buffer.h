// Buffer and BufferPool: memory that a connection has only while bytes are in flight.
//
// A loop has one pool of equal blocks, handed out last in, first out, so the block that is used
// next is the one that is warm in the cache. A Buffer takes a block when it is given something and
// returns it when it is empty: an idle connection holds none.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace sockherd::worker {

class BufferPool {
 public:
  explicit BufferPool(size_t block_bytes) : block_bytes_(block_bytes) {}

  using Block = std::unique_ptr<char[]>;
  Block acquire();
  void release(Block block);

  size_t block_bytes() const { return block_bytes_; }
  size_t blocks_in_use() const { return in_use_; }

 private:
  static constexpr size_t kKeptBlocks = 256;  // free ones above this go back to the allocator

  size_t block_bytes_;
  size_t in_use_ = 0;
  std::vector<Block> free_;
};

class Buffer {
 public:
  explicit Buffer(BufferPool& pool) : pool_(&pool) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { clear(); }

  bool is_empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  std::span<char> content() { return {block_.get() + begin_, end_ - begin_}; }
  std::string_view bytes() const { return {block_.get() + begin_, end_ - begin_}; }

  // Where further bytes go; commit() says how many were put there. Takes a block if there is none.
  std::span<char> room() {
    if (!block_) block_ = pool_->acquire();
    return {block_.get() + end_, pool_->block_bytes() - end_};
  }
  size_t room_bytes() const { return pool_->block_bytes() - end_; }
  void commit(size_t count) { end_ += count; }

  // Requires: bytes.size() <= room_bytes().
  void append(std::string_view bytes);

  // Of the same pool.
  void swap(Buffer& other) noexcept {
    block_.swap(other.block_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
  }

  void consume(size_t count) { begin_ += count; }

  // Drops what is in it and keeps the block, whose next use is near.
  void restart() { begin_ = end_ = 0; }

  // Moves the bytes to the front of the block, so that all of the rest is room. Views into the
  // buffer are void after it.
  void compact();

  // Gives the block back if nothing is in it.
  void release_if_empty() {
    if (is_empty()) clear();
  }
  void clear();

 private:
  BufferPool* pool_;
  BufferPool::Block block_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace sockherd::worker
