#include "daemon/rooms/numbering.h"

#include <algorithm>

namespace sockherd::rooms {

MessageNumber SentNumbers::take(std::string_view room, int64_t now_us) {
  auto found = rooms_.find(room);
  if (found == rooms_.end()) {
    if (rooms_.size() == kMostRooms) {
      rooms_.clear();
      ++epoch_;
    }
    found = rooms_.emplace(room, Room{0, now_us}).first;
  }
  return {epoch_, found->second.next++, found->second.begun_us};
}

std::optional<MessageNumber> SentNumbers::next(std::string_view room) const {
  const auto found = rooms_.find(room);
  if (found == rooms_.end()) return std::nullopt;
  return MessageNumber{epoch_, found->second.next, found->second.begun_us};
}

void HeardNumbers::join(std::string_view room, int64_t now_us) {
  rooms_.insert_or_assign(std::string(room), Room{now_us, {}});
}

// Of that sender in that room; `first` is what it says, where it is new here.
MessageNumber& HeardNumbers::expected(std::string_view room, uint64_t sender, MessageNumber first) {
  auto found = rooms_.find(room);
  if (found == rooms_.end()) found = rooms_.try_emplace(std::string(room)).first;
  auto& known = found->second.senders;
  if (known.size() >= kMostSenders && !known.contains(sender)) {
    known.erase(std::min_element(known.begin(), known.end(), [](const auto& a, const auto& b) {
      return a.second.last_heard < b.second.last_heard;
    }));
  }
  Sender wanted{first};
  if (found->second.joined_us != 0 && first.begun_us > found->second.joined_us) {
    wanted.expected.number = 0;
  }
  Sender& of = known.try_emplace(sender, wanted).first->second;
  of.last_heard = ++heard_;
  // What was left of the epoch before is not known.
  if (first.epoch > of.expected.epoch) of.expected = {first.epoch, 0};
  return of.expected;
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
