#include "daemon/supervisor/statistics.h"

#include "daemon/base/bounds.h"

namespace sockherd::supervisor {
namespace {

// As many as the option table allows, so that no reload ever needs a larger segment. Memory that
// nobody counts in is never touched and costs nothing.
constexpr uint32_t kSlots = kMostWorkers;
constexpr uint32_t kSeats = 2304;  // present and next generation of every slot, and some that drain

}  // namespace

Result<Statistics::Pool*> Statistics::pool(const std::string& name) {
  if (const auto found = pools_.find(name); found != pools_.end()) return &found->second;
  Pool made;
  made.fd = TRY(sys::create_memory_file("sockherd-stats-" + name,
                                        stats::Segment::size_bytes(kSlots, kSeats)));
  made.mapping = TRY(sys::Mapping::create(made.fd.get(), sys::Access::ReadWrite));
  made.segment = stats::Segment::format(made.mapping.bytes(), kSlots, kSeats);
  store_.keep({Kept::Statistics, 0, name}, made.fd.get());
  return &(pools_[name] = std::move(made));
}

Result<void> Statistics::adopt(const std::string& name, UniqueFd fd) {
  Pool kept;
  kept.fd = std::move(fd);
  kept.mapping = TRY(sys::Mapping::create(kept.fd.get(), sys::Access::ReadWrite));
  kept.segment = TRY(stats::Segment::attach(kept.mapping.bytes()));
  if (kept.segment->slots() != kSlots || kept.segment->seats() != kSeats) {
    return Error{0, "statistics: a segment of another size"};
  }
  pools_[name] = std::move(kept);
  return {};
}

void Statistics::fold_all_but(const std::string& name, const std::set<uint32_t>& seats) {
  const auto found = pools_.find(name);
  if (found == pools_.end()) return;
  for (uint32_t seat = 0; seat < kSeats; ++seat) {
    if (!seats.contains(seat)) found->second.segment->fold_seat(seat);
  }
}

const stats::Counters& Statistics::counters(const std::string& name, uint32_t seat) const {
  const stats::Segment& segment = *pools_.at(name).segment;
  return segment.seat(seat).counters;
}

stats::Counters& Statistics::counters_of_command(const std::string& name, uint32_t seat) {
  return pools_.at(name).segment->seat(seat).counters;
}

stats::Totals Statistics::total(const std::string& name, uint32_t slots) const {
  stats::Totals sum;
  const auto found = pools_.find(name);
  if (found == pools_.end()) return sum;
  const stats::Segment& segment = *found->second.segment;
  for (const stats::Totals& slot : segment.read_first(std::min(slots, segment.slots()))) {
    sum.add(slot);
  }
  return sum;
}

Result<int> Statistics::segment_fd(const std::string& name) {
  return TRY(pool(name))->fd.get();
}

Result<UniqueFd> Statistics::open_read_only(const std::string& name) const {
  const auto found = pools_.find(name);
  if (found == pools_.end()) return Error{ENOENT, "no pool " + name};
  return sys::reopen_read_only(found->second.fd.get());
}

uint32_t Statistics::seats() {
  return kSeats;
}

bool Statistics::has_seat(uint32_t seat) {
  return seat < kSeats;
}

Result<uint32_t> Statistics::take_seat(const std::string& name, uint32_t slot,
                                       uint32_t generation) {
  Pool* p = TRY(pool(name));
  const auto seat = p->segment->take_seat(slot, generation);
  if (!seat) return Error{EAGAIN, "pool " + name + ": too many workers are still draining"};
  return *seat;
}

void Statistics::set_pid(const std::string& name, uint32_t seat, pid_t pid) {
  pools_.at(name).segment->set_seat_pid(seat, pid);
}

void Statistics::fold(const std::string& name, uint32_t seat) {
  pools_.at(name).segment->fold_seat(seat);
}

}  // namespace sockherd::supervisor
