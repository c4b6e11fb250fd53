#include "daemon/rooms/numbering.h"

#include <algorithm>

namespace sockherd::rooms {

MessageNumber SentNumbers::take(std::string_view room) {
  auto found = rooms_.find(room);
  if (found == rooms_.end()) {
    if (rooms_.size() == kMostRooms) {
      rooms_.clear();
      ++epoch_;
    }
    found = rooms_.emplace(room, 0).first;
  }
  return {epoch_, found->second++};
}

std::optional<MessageNumber> SentNumbers::next(std::string_view room) const {
  const auto found = rooms_.find(room);
  if (found == rooms_.end()) return std::nullopt;
  return MessageNumber{epoch_, found->second};
}

// Of that sender in that room; `first` where it is new here.
MessageNumber& HeardNumbers::expected(std::string_view room, uint64_t sender, MessageNumber first) {
  auto senders = rooms_.find(room);
  if (senders == rooms_.end()) senders = rooms_.try_emplace(std::string(room)).first;
  auto& known = senders->second;
  if (known.size() >= kMostSenders && !known.contains(sender)) {
    known.erase(std::min_element(known.begin(), known.end(), [](const auto& a, const auto& b) {
      return a.second.last_heard < b.second.last_heard;
    }));
  }
  Sender& found = known.try_emplace(sender, Sender{first}).first->second;
  found.last_heard = ++heard_;
  // What was left of the epoch before is not known.
  if (first.epoch > found.expected.epoch) found.expected = {first.epoch, 0};
  return found.expected;
}

HeardNumbers::Heard HeardNumbers::hear(std::string_view room, uint64_t sender,
                                       MessageNumber number) {
  MessageNumber& wanted = expected(room, sender, number);
  if (number.epoch < wanted.epoch || number.number < wanted.number) return {};
  const uint64_t missed = number.number - wanted.number;
  wanted.number = number.number + 1;
  return {true, missed};
}

uint64_t HeardNumbers::mark(std::string_view room, uint64_t sender, MessageNumber next) {
  MessageNumber& wanted = expected(room, sender, next);
  if (next.epoch < wanted.epoch || next.number <= wanted.number) return 0;
  const uint64_t missed = next.number - wanted.number;
  wanted.number = next.number;
  return missed;
}

void HeardNumbers::forget(std::string_view room) {
  const auto found = rooms_.find(room);
  if (found != rooms_.end()) rooms_.erase(found);
}

}  // namespace sockherd::rooms
