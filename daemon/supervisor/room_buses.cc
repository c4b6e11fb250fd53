#include "daemon/supervisor/room_buses.h"

#include <sys/eventfd.h>

#include "daemon/supervisor/statistics.h"
#include "daemon/sys/random.h"

namespace sockherd::supervisor {

using contract::BusFile;

Result<RoomBuses::Descriptors> RoomBuses::descriptors(const std::string& pool) {
  const uint32_t seats = Statistics::seats();
  auto found = pools_.find(pool);
  if (found == pools_.end()) {
    Bus made;
    made.file = TRY(sys::create_memory_file("sockherd-bus-" + pool, BusFile::file_bytes(seats)));
    made.head = TRY(
        sys::Mapping::create(made.file.get(), BusFile::head_bytes(seats), sys::Access::ReadWrite));
    made.layout =
        BusFile::format(made.head.bytes(), seats, {sys::random_number(), sys::random_number()});
    made.bell = UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!made.bell) return errno_error("eventfd");
    store_.keep({Kept::Bus, 0, pool}, made.file.get());
    store_.keep({Kept::Bell, 0, pool}, made.bell.get());
    found = pools_.emplace(pool, std::move(made)).first;
  }
  return Descriptors{found->second.file.get(), found->second.bell.get()};
}

Result<void> RoomBuses::adopt(const std::string& pool, UniqueFd file, UniqueFd bell) {
  if (!file || !bell) return Error{0, "only one half of it was kept"};
  const uint32_t seats = Statistics::seats();
  Bus kept{.file = std::move(file), .bell = std::move(bell)};
  kept.head = TRY(
      sys::Mapping::create(kept.file.get(), BusFile::head_bytes(seats), sys::Access::ReadWrite));
  kept.layout = TRY(BusFile::attach(kept.head.bytes()));
  if (kept.layout->seats() != seats) return Error{0, "it has another number of seats"};
  pools_[pool] = std::move(kept);
  return {};
}

void RoomBuses::forget(const std::string& pool) {
  for (const Kept kind : {Kept::Bus, Kept::Bell}) store_.forget({kind, 0, pool});
}

void RoomBuses::leave(const std::string& pool, uint32_t seat) {
  const auto found = pools_.find(pool);
  if (found != pools_.end()) found->second.layout->set_present(seat, false);
}

void RoomBuses::leave_all_but(const std::string& pool, const std::set<uint32_t>& seats) {
  for (uint32_t seat = 0; seat < Statistics::seats(); ++seat) {
    if (!seats.contains(seat)) leave(pool, seat);
  }
}

}  // namespace sockherd::supervisor
