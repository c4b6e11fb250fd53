#include "daemon/rooms/redis_bus.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/sys/random.h"

namespace sockherd::rooms {
namespace {

using stats::Count;

// What is handed to the connection at a time; the rest waits in the outbox, where it is bounded.
constexpr size_t kMostUnsent = size_t{256} << 10;

int64_t unix_us() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

std::string_view text_of(const redisReply& reply) {
  return reply.str == nullptr ? std::string_view() : std::string_view(reply.str, reply.len);
}

}  // namespace

RedisBus::RedisBus(Setup setup, io::Loop& loop, Hub& hub, stats::Counters& counters)
    : setup_(std::move(setup)),
      prefix_("sockherd:" + setup_.pool + ":"),
      hub_(hub),
      counters_(counters),
      us_(sys::random_number()),
      outbox_(setup_.queue, kMostQueuedBytes),
      loop_(loop),
      publisher_(loop, setup_.server,
                 {.on_up = [this] { on_link(true, ""); },
                  .on_reply = [this](const redisReply& reply) { on_published(reply); },
                  .on_down =
                      [this](const std::string& why) {
                        outbox_.rewind();
                        on_link(false, why);
                      }}),
      subscriber_(loop, setup_.server,
                  {.on_up =
                       [this] {
                         subscribe();
                         on_link(true, "");
                       },
                   .on_reply = [this](const redisReply& reply) { on_pushed(reply); },
                   .on_down = [this](const std::string& why) { on_link(false, why); }}) {
  publisher_.start();
  subscriber_.start();
}

// What was not confirmed is lost with us.
RedisBus::~RedisBus() {
  if (is_connected_) counters_.add(Count::RemoteDisconnects);
  uint64_t lost = 0;
  while (outbox_.has_unsent()) outbox_.send();
  while (outbox_.has_unconfirmed()) lost += outbox_.confirm().is_message ? 1 : 0;
  counters_.add(Count::RemoteUnconfirmed, lost);
}

// Connected: both are up.
void RedisBus::on_link(bool is_up, const std::string& why) {
  if (!is_up) tell_down(why);
  const bool is_connected = publisher_.is_up() && subscriber_.is_up();
  if (std::exchange(is_connected_, is_connected) == is_connected) return;
  counters_.add(is_connected ? Count::RemoteConnects : Count::RemoteDisconnects);
  if (!is_connected) return;
  connected_at_ = loop_.now();
  was_full_ = false;
  if (std::exchange(is_told_down_, false)) setup_.on_event(Event::Up, "");
}

// Not again what comes and goes in one trouble.
void RedisBus::tell_down(const std::string& why) {
  constexpr Duration kLasting = std::chrono::seconds(30);
  constexpr size_t kMostReasons = 8;
  if (is_connected_ && loop_.now() - connected_at_ >= kLasting) told_.clear();
  if (told_.size() == kMostReasons || !told_.insert(why).second) return;
  is_told_down_ = true;
  setup_.on_event(Event::Down, why);
}

// The channel without a room is for asks, which concern those too who only speak in a room.
void RedisBus::subscribe() {
  subscriber_.send(redis_command({"SUBSCRIBE", prefix_}));
  for (const std::string& room : rooms_) {
    subscriber_.send(redis_command({"SUBSCRIBE", channel_of(room)}));
  }
  first_asks_bytes_ = subscriber_.unsent();
  subscriber_.flush();
}

// A Redis that has stopped reading is given up before its patience is over: when it is back it is
// told of the rooms that there are then, and of no other.
void RedisBus::bound_asks() {
  if (subscriber_.unsent() <= first_asks_bytes_ + kMostUnsentAsks) return;
  subscriber_.give_up("it does not read what it is asked");
}

// --- Sending

void RedisBus::publish(std::string_view room, const Message& message) {
  const size_t bytes = message.payload().size() + room.size() + kParcelHeadBytes + 128;
  if (!outbox_.has_room(bytes)) {
    counters_.add(Count::RemoteDropped);
    if (!std::exchange(was_full_, true)) setup_.on_event(Event::QueueFull, "");
    return;
  }
  // Numbered here only: who receives counts what it misses, and this is counted already.
  post(room, type_of(message.kind()), sent_.take(room, unix_us()), message.payload());
  counters_.add(Count::RemoteQueued);
}

bool RedisBus::post(std::string_view room, ParcelType type, MessageNumber number,
                    std::string_view payload) {
  const auto head = encode({.type = type,
                            .instance = setup_.instance,
                            .sender = us_,
                            .epoch = number.epoch,
                            .number = number.number,
                            .begun_us = number.begun_us,
                            .sent_us = unix_us()});
  std::string body;
  body.reserve(head.size() + payload.size());
  body.append(head.data(), head.size()).append(payload);
  const bool is_message = type == ParcelType::Text || type == ParcelType::Binary;
  std::string command = redis_command({"PUBLISH", channel_of(room), body});
  if (!outbox_.has_room(command.size())) return false;
  outbox_.push({std::move(command), is_message});
  return true;
}

// Marks behind the messages that they speak of.
void RedisBus::end_turn() {
  if (is_connected_) {
    std::erase_if(marks_, [this](const std::string& room) {
      const auto next = sent_.next(room);
      return !next || post(room, ParcelType::Mark, *next, "");
    });
    std::erase_if(asks_,
                  [this](const std::string& room) { return post("", ParcelType::Ask, {}, room); });
  }
  if (subscriber_.is_up()) {
    subscriber_.flush();
    bound_asks();
  }
  pump();
}

void RedisBus::pump() {
  if (!publisher_.is_up()) return;
  while (outbox_.has_unsent() && publisher_.unsent() < kMostUnsent) publisher_.send(outbox_.send());
  publisher_.flush();
}

void RedisBus::on_published(const redisReply& /*reply*/) {
  if (!outbox_.has_unconfirmed()) return;
  const bool is_message = outbox_.confirm().is_message;
  counters_.add(Count::RemotePublished, is_message ? 1 : 0);
  if (outbox_.has_unsent() && publisher_.unsent() < kMostUnsent / 2) pump();
}

bool RedisBus::is_under_way() const {
  return publisher_.is_up() && outbox_.size() > 0;
}

// --- Receiving

void RedisBus::begin(std::string_view room) {
  rooms_.emplace(room);
  if (!subscriber_.is_up()) return;
  subscriber_.send(redis_command({"SUBSCRIBE", channel_of(room)}));
}

void RedisBus::end(std::string_view room) {
  for (auto* rooms : {&rooms_, &asks_, &known_}) {
    if (const auto found = rooms->find(room); found != rooms->end()) rooms->erase(found);
  }
  heard_.forget(room);
  if (!subscriber_.is_up()) return;
  subscriber_.send(redis_command({"UNSUBSCRIBE", channel_of(room)}));
}

// ["message", channel, payload], ["subscribe", channel, how many], ["unsubscribe", ...].
void RedisBus::on_pushed(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 3) return;
  const std::string_view what = text_of(*reply.element[0]);
  std::string_view room = text_of(*reply.element[1]);
  if (!room.starts_with(prefix_)) return;
  room.remove_prefix(prefix_.size());
  if (what == "message") return on_message(room, text_of(*reply.element[2]));
  if (what == "subscribe") on_subscribed(room);
}

// Subscribed again: what was said meanwhile has not come, and what was asked neither. Whichever of
// two lanes is back first, the other one's part makes the count of what is missing complete.
void RedisBus::on_subscribed(std::string_view room) {
  if (!room.empty() && !rooms_.contains(room)) return;
  if (known_.emplace(room).second) return heard_.join(room, unix_us());
  if (!room.empty()) {
    asks_.emplace(room);
  } else {
    sent_.for_each([this](const std::string& spoken) { marks_.insert(spoken); });
  }
}

void RedisBus::on_message(std::string_view room, std::string_view bytes) {
  const std::optional<Parcel> parcel = parse_parcel(bytes);
  if (!parcel || parcel->head.instance == setup_.instance) return;
  const ParcelHead& head = parcel->head;
  if (head.type == ParcelType::Ask) {
    if (sent_.next(parcel->payload)) marks_.emplace(parcel->payload);
    return;
  }
  if (!hub_.has(room)) return;
  switch (head.type) {
    case ParcelType::Ask:
      return;
    case ParcelType::Mark:
      counters_.add(Count::RemoteMissed,
                    heard_.mark(room, head.sender, {head.epoch, head.number, head.begun_us}));
      return;
    case ParcelType::Text:
    case ParcelType::Binary:
      return deliver(room, *parcel);
  }
}

void RedisBus::deliver(std::string_view room, const Parcel& parcel) {
  const ParcelHead& head = parcel.head;
  const HeardNumbers::Heard heard =
      heard_.hear(room, head.sender, {head.epoch, head.number, head.begun_us});
  if (!heard.is_new) return counters_.add(Count::RemoteDuplicates);
  counters_.add(Count::RemoteMissed, heard.missed);
  counters_.add(Count::RemoteReceived);
  counters_.add(Count::RemoteDelayMicroseconds,
                static_cast<uint64_t>(std::max<int64_t>(unix_us() - head.sent_us, 0)));
  const auto kind = head.type == ParcelType::Text ? websocket::Kind::Text : websocket::Kind::Binary;
  hub_.receive(room, Message::create(kind, parcel.payload));
}

}  // namespace sockherd::rooms
