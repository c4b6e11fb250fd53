#include "admin/load/board.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <new>

namespace sockherd::load {
namespace {

// Of a page, so that no process writes where another reads.
constexpr size_t kAlignment = 4096;
constexpr size_t kOrderBytes = kAlignment;

}  // namespace

void ring(int bell) {
  const uint64_t one = 1;
  // Fails only where it rings already.
  [[maybe_unused]] const ssize_t written = ::write(bell, &one, sizeof one);
}

void hush(int bell) {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(bell, &count, sizeof count);
}

Result<Board> Board::create(uint32_t processes) {
  static_assert(std::is_trivially_destructible_v<Tally>);
  Board board;
  const UniqueFd file =
      TRY(sys::create_memory_file("sockherd-load", kOrderBytes + processes * sizeof(Tally)));
  board.memory_ = TRY(sys::Mapping::create(file.get(), sys::Access::ReadWrite));
  std::byte* memory = board.memory_.bytes().data();
  board.orders_ = new (memory) Orders;
  auto* first = reinterpret_cast<Tally*>(memory + kOrderBytes);
  for (uint32_t i = 0; i < processes; ++i) new (first + i) Tally;
  board.tallies_ = {first, processes};
  for (uint32_t i = 0; i <= processes; ++i) {
    UniqueFd bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!bell) return errno_error("eventfd");
    if (i < processes)
      board.bells_.push_back(std::move(bell));
    else
      board.bell_ = std::move(bell);
  }
  return board;
}

void Board::order(Phase phase, Instant at) {
  if (phase == Phase::Run) {
    orders_->run_at_ns.store(at.since_boot.count(), std::memory_order_relaxed);
  }
  orders_->phase.store(phase, std::memory_order_release);
  for (const UniqueFd& bell : bells_) ring(bell.get());
}

void Board::say(uint32_t process, State state) const {
  tallies_[process].say(state);
  ring(bell_.get());
}

}  // namespace sockherd::load
