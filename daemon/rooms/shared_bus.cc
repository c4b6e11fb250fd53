#include "daemon/rooms/shared_bus.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sockherd::rooms {
namespace {

using contract::BusFile;
using stats::Count;

// What one turn delivers: messages and their receivers together, about a millisecond of work. One
// message is not divided.
constexpr size_t kBudget = 2048;
// Of one sender, before the others have their turn; and of one room, beyond the budget.
constexpr size_t kBurst = 32;
// A further message to the room that has just heard one leaves in the same write, and this much
// cheaper: 20 messages to 14,000 members are 0.4 s of CPU a million deliveries and not 7.
constexpr size_t kTogether = 16;

RingWords words_of(const sys::Mapping& memory) {
  const std::span<std::byte> bytes = memory.bytes();
  return {reinterpret_cast<std::atomic<uint64_t>*>(bytes.data()), bytes.size() / sizeof(uint64_t)};
}

}  // namespace

SharedBus::SharedBus(Setup setup, sys::Mapping head, BusFile file, Hub& hub,
                     stats::Counters& counters)
    : setup_(std::move(setup)),
      head_(std::move(head)),
      file_(file),
      hub_(hub),
      counters_(counters) {}

Result<std::unique_ptr<SharedBus>> SharedBus::create(Setup setup, io::Loop& loop, Hub& hub,
                                                     stats::Counters& counters) {
  const int fd = setup.file.get();
  sys::Mapping head = TRY(sys::Mapping::create(fd, BusFile::kHeaderBytes, sys::Access::ReadWrite));
  const uint32_t seats = TRY(BusFile::seats_of(head.bytes()));
  head = TRY(sys::Mapping::create(fd, BusFile::head_bytes(seats), sys::Access::ReadWrite));
  const BusFile file = TRY(BusFile::attach(head.bytes()));
  if (setup.seat >= seats) {
    return Error{0, "there is no seat " + std::to_string(setup.seat)};
  }
  std::unique_ptr<SharedBus> bus(
      new SharedBus(std::move(setup), std::move(head), file, hub, counters));
  constexpr io::Events kEdges = io::event::kReadable | io::event::kEdge;
  bus->watch_ = TRY(loop.watch(bus->setup_.bell.get(), kEdges, *bus));
  file.set_present(bus->setup_.seat, true);
  bus->find_sources(true);
  return bus;
}

SharedBus::~SharedBus() {
  file_.set_present(setup_.seat, false);
}

Result<sys::Mapping> SharedBus::map_ring(uint32_t seat, uint64_t bytes, sys::Access access) const {
  return sys::Mapping::create_part(setup_.file.get(), BusFile::ring_offset(file_.seats(), seat),
                                   bytes, access);
}

// --- Sending

void SharedBus::publish(std::string_view room, const Message& message) {
  if (!file_.has_others(setup_.seat)) return;
  if ((writer_ || open_writer()) && writer_->write(room, message.kind(), message.payload())) {
    has_news_ = true;
  } else {
    counters_.add(Count::BusRefused);
  }
}

// Memory of a seat is touched by its first message only.
bool SharedBus::open_writer() {
  auto mapped = map_ring(setup_.seat, ring_bytes(setup_.ring_bytes), sys::Access::ReadWrite);
  if (!mapped.ok()) return false;
  ring_ = std::move(mapped).value();
  writer_.emplace(file_.control(setup_.seat), words_of(ring_));
  file_.set_sender(setup_.seat);
  return true;
}

void SharedBus::end_turn() {
  if (!std::exchange(has_news_, false)) return;
  // Fails where it has been rung 2^64 times.
  [[maybe_unused]] const int rung = ::eventfd_write(setup_.bell.get(), 1);
}

// --- Receiving

// One that has sent before we came is heard from now on; one that comes later, from its beginning.
void SharedBus::find_sources(bool is_start) {
  const BusFile::Seats& senders = file_.senders();
  for (uint32_t word = 0; word * 64 < file_.seats(); ++word) {
    if (senders[word].load(std::memory_order_acquire) == 0) continue;
    for (uint32_t seat = word * 64; seat < std::min(word * 64 + 64, file_.seats()); ++seat) {
      if (seat == setup_.seat || !BusFile::is_set(senders, seat)) continue;
      const auto is_it = [seat](const Source& source) { return source.seat == seat; };
      if (std::any_of(sources_.begin(), sources_.end(), is_it)) continue;
      const contract::RingControl& control = file_.control(seat);
      sources_.push_back(
          {seat,
           is_start ? RingReader::from_now(control) : RingReader::from_the_beginning(control),
           {}});
    }
  }
}

void SharedBus::on_ready(io::Events /*events*/) {
  find_sources(false);
  heard_.clear();
  beyond_ = kBurst;
  size_t budget = kBudget;
  bool has_more = !sources_.empty();
  while (has_more && budget > 0) {
    has_more = false;
    for (size_t i = 0; i < sources_.size(); ++i) {
      has_more = read(sources_[(next_ + i) % sources_.size()], budget) || has_more;
    }
    next_ = (next_ + 1) % sources_.size();
  }
  if (has_more) watch_.call_again(io::event::kReadable);
}

// Returns whether there may be more.
bool SharedBus::read(Source& source, size_t& budget) {
  RingReader::Header header;
  std::array<char, kMaxRoomName + 1> room;
  for (size_t i = 0; i < kBurst;) {
    const RingReader::Next next = source.reader.peek(header, room.data());
    if (next == RingReader::Next::Nothing) return false;
    if (next == RingReader::Next::Busy) return true;
    if (next == RingReader::Next::Reshaped) {
      if (!map(source)) return false;
      continue;
    }
    ++i;
    const std::string_view name(room.data(), header.room_bytes);
    const bool leaves_together = name == heard_;
    if (budget == 0) {
      if (!leaves_together || beyond_ == 0) return true;
      --beyond_;
    }
    budget -= std::min(budget, 1 + hub_.size(name) / (leaves_together ? kTogether : 1));
    if (!deliver(source, header, name)) return true;
    heard_ = name;
  }
  return true;
}

bool SharedBus::deliver(Source& source, const RingReader::Header& header, std::string_view room) {
  if (!hub_.has(room)) {
    source.reader.skip(header);
    counters_.add(Count::BusMissed, source.reader.take_missed());
    return true;
  }
  bool is_whole = false;
  auto message = Message::create(header.kind, header.payload_bytes,
                                 [&](char* to) { is_whole = source.reader.take(header, to); });
  if (!is_whole) return false;
  counters_.add(Count::BusMissed, source.reader.take_missed());
  hub_.receive(room, std::move(message));
  return true;
}

bool SharedBus::map(Source& source) {
  const uint64_t shape = source.reader.shape();
  const uint64_t bytes = ring_bytes_of_shape(shape);
  if (bytes == 0) return false;
  auto mapped = map_ring(source.seat, bytes, sys::Access::Read);
  if (!mapped.ok()) return false;  // no memory: what is lost of it is counted when there is
  source.memory = std::move(mapped).value();
  source.reader.reset(words_of(source.memory), shape);
  return true;
}

}  // namespace sockherd::rooms
