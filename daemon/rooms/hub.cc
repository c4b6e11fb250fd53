#include "daemon/rooms/hub.h"

#include <algorithm>
#include <utility>

#include "daemon/base/assert.h"

namespace sockherd::rooms {

using stats::Count;

Listening::~Listening() {
  hub_.leave_all(*this);
}

Hub::~Hub() {
  SH_ASSERT(names_.empty());
}

// --- Who is where

bool Hub::join(Member& member, std::string_view name) {
  if (!is_room_name(name)) return false;
  const uint32_t index = need_room(name);
  if (find_place(member, index) != nullptr) return true;
  const uint32_t place = take_place();
  Room& room = rooms_[index];
  places_[place] = {index, static_cast<uint32_t>(room.members.size()),
                    std::exchange(member.first_, place)};
  room.members.push_back(&member);
  room.places.push_back(place);
  return true;
}

void Hub::leave(Member& member, std::string_view name) {
  const auto found = names_.find(name);
  if (found == names_.end()) return;
  uint32_t* link = find_place(member, found->second);
  if (link != nullptr) free_place(link);
}

void Hub::leave_all(Member& member) {
  while (member.first_ != kNone) free_place(&member.first_);
  for (Said& said : waiting_) {
    if (said.except == &member) said.except = nullptr;  // another may have its address by then
  }
}

size_t Hub::size(std::string_view name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) return 0;
  const Room& room = rooms_[found->second];
  return room.members.size() - room.gone - room.listeners;
}

std::unique_ptr<Listening> Hub::listen(std::string_view room, Listening::Callback callback) {
  std::unique_ptr<Listening> listening(new Listening(*this, std::move(callback)));
  if (!join(*listening, room)) return nullptr;
  ++rooms_[names_.find(room)->second].listeners;
  listening->is_listener_ = true;
  return listening;
}

uint32_t Hub::need_room(std::string_view name) {
  if (const auto found = names_.find(name); found != names_.end()) return found->second;
  auto index = static_cast<uint32_t>(rooms_.size());
  if (free_rooms_.empty()) {
    rooms_.emplace_back();
  } else {
    index = free_rooms_.back();
    free_rooms_.pop_back();
  }
  rooms_[index] = {.name = names_.emplace(name, index).first->first};
  for (const auto& bus : buses_) bus->begin(name);
  return index;
}

void Hub::end_if_empty(uint32_t index) {
  Room& room = rooms_[index];
  if (room.is_delivering || !room.members.empty()) return;
  for (const auto& bus : buses_) bus->end(room.name);
  names_.erase(names_.find(room.name));
  room = {};
  free_rooms_.push_back(index);
}

uint32_t Hub::take_place() {
  if (free_places_ == kNone) {
    places_.emplace_back();
    return static_cast<uint32_t>(places_.size() - 1);
  }
  const uint32_t place = free_places_;
  free_places_ = places_[place].next;
  return place;
}

// Where the number of that place stands; null if the member is not in the room.
uint32_t* Hub::find_place(Member& member, uint32_t room) {
  uint32_t* link = &member.first_;
  while (*link != kNone && places_[*link].room != room) link = &places_[*link].next;
  return *link == kNone ? nullptr : link;
}

void Hub::free_place(uint32_t* link) {
  const uint32_t number = *link;
  Place& place = places_[number];
  *link = place.next;
  place.next = std::exchange(free_places_, number);
  remove(rooms_[place.room], place.position);
  end_if_empty(place.room);
}

void Hub::remove(Room& room, uint32_t position) {
  if (room.members[position]->is_listener_) --room.listeners;
  if (room.is_delivering) {  // nobody moves: who is after it has not heard it yet
    room.members[position] = nullptr;
    ++room.gone;
    return;
  }
  room.members[position] = room.members.back();
  room.places[position] = room.places.back();
  places_[room.places[position]].position = position;
  room.members.pop_back();
  room.places.pop_back();
}

// --- What is said

bool Hub::publish(std::string_view room, websocket::Kind kind, std::string_view payload,
                  const Member* except) {
  if (!is_room_name(room)) return false;
  counters_.add(Count::RoomMessages);
  auto message = Message::create(kind, payload);
  for (const auto& bus : buses_) bus->publish(room, *message);
  say({std::string(room), std::move(message), except});
  return true;
}

void Hub::receive(std::string_view room, std::shared_ptr<const Message> message) {
  say({std::string(room), std::move(message), nullptr});
}

// One after the other: else a member that answers would be heard by some before what it answers to.
void Hub::say(Said said) {
  waiting_.push_back(std::move(said));
  if (std::exchange(is_delivering_, true)) return;
  while (!waiting_.empty()) {
    // At the front until it is delivered: leave_all looks there.
    const auto found = names_.find(waiting_.front().room);
    if (found != names_.end()) deliver(found->second, waiting_.front());
    waiting_.pop_front();
  }
  is_delivering_ = false;
}

// Who joins meanwhile does not hear it. By index: rooms and members may be added.
void Hub::deliver(uint32_t index, const Said& said) {
  const size_t count = rooms_[index].members.size();
  rooms_[index].is_delivering = true;
  uint64_t delivered = 0;
  for (size_t i = 0; i < count; ++i) {
    Member* member = rooms_[index].members[i];
    if (member == nullptr || member == said.except) continue;
    delivered += member->is_listener_ ? 0 : 1;
    member->deliver(said.message);
  }
  counters_.add(Count::RoomDeliveries, delivered);
  Room& room = rooms_[index];
  room.is_delivering = false;
  if (room.gone > 0) close_gaps(room);
  end_if_empty(index);
}

void Hub::close_gaps(Room& room) {
  size_t kept = 0;
  for (size_t i = 0; i < room.members.size(); ++i) {
    if (room.members[i] == nullptr) continue;
    room.members[kept] = room.members[i];
    room.places[kept] = room.places[i];
    places_[room.places[kept]].position = static_cast<uint32_t>(kept);
    ++kept;
  }
  room.members.resize(kept);
  room.places.resize(kept);
  room.gone = 0;
}

bool Hub::is_under_way() const {
  return std::any_of(buses_.begin(), buses_.end(),
                     [](const auto& bus) { return bus->is_under_way(); });
}

void Hub::end_turn() {
  for (const auto& bus : buses_) bus->end_turn();
}

}  // namespace sockherd::rooms
