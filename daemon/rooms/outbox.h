// Outbox: what is on its way to an engine, in its order, until it is confirmed. When the connection
// is lost, what was not confirmed is sent again.
//
// Bounded: what comes when it is full is not taken. So what is lost here has never been sent: if
// the oldest were dropped instead, nobody could say which of them has arrived. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace sockherd::rooms {

class Outbox {
 public:
  struct Entry {
    std::string command;
    bool is_message = true;  // else for the engine's or our own sake, and not counted
  };

  Outbox(size_t most, size_t most_bytes) : most_(most), most_bytes_(most_bytes) {}

  bool has_room(size_t bytes) const {
    return entries_.size() < most_ && bytes_ + bytes <= most_bytes_;
  }
  // Requires: has_room(entry.command.size()).
  void push(Entry entry) {
    bytes_ += entry.command.size();
    entries_.push_back(std::move(entry));
  }

  bool has_unsent() const { return sent_ < entries_.size(); }
  // The next one, which is sent by that. Requires: has_unsent(). Valid until it is confirmed.
  std::string_view send() { return entries_[sent_++].command; }

  // The oldest that was sent has arrived. Requires: has_unconfirmed().
  bool has_unconfirmed() const { return sent_ > 0; }
  Entry confirm() {
    Entry entry = std::move(entries_.front());
    entries_.pop_front();
    bytes_ -= entry.command.size();
    --sent_;
    return entry;
  }

  // Nobody knows what of it has arrived.
  void rewind() { sent_ = 0; }

  size_t size() const { return entries_.size(); }

 private:
  size_t most_;
  size_t most_bytes_;
  std::deque<Entry> entries_;
  size_t bytes_ = 0;
  size_t sent_ = 0;
};

}  // namespace sockherd::rooms
