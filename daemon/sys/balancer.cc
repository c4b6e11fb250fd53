#include "daemon/sys/balancer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <least_connections.skel.h>  // made from bpf/least_connections.bpf.c
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/base/assert.h"

namespace sockherd::sys {
namespace {

constexpr size_t kLists = 4;  // LISTS in least_connections.bpf.c
constexpr size_t kServedEntries = 1 + kLists * Balancer::kMostSlots;

struct Close {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, Close>;

Object open_object() {
  size_t bytes = 0;
  const void* elf = least_connections__elf_bytes(&bytes);
  return Object(bpf_object__open_mem(elf, bytes, nullptr));
}

Error load_error(int code) {
  Error error = errno_error("load the eBPF program", code);
  if (code == EPERM) {
    error.what +=
        ": it needs CAP_BPF, and bpf(2) in the system call filter (in the service unit: "
        "AmbientCapabilities=CAP_BPF, SystemCallFilter=bpf, and no PrivateUsers=: bpf.conf among "
        "its examples)";
  } else if (code == ENOSYS) {
    error.what += ": this kernel has no eBPF";
  }
  return error;
}

// Where libbpf cannot probe the kernel for want of privilege, it lifts RLIMIT_MEMLOCK, which no
// kernel since 5.11 asks for and our children would inherit. (libbpf 1.1 declares the function that
// forbids it, but does not export it.)
class KeepMemlockLimit {
 public:
  KeepMemlockLimit() { ::getrlimit(RLIMIT_MEMLOCK, &limit_); }
  KeepMemlockLimit(const KeepMemlockLimit&) = delete;
  KeepMemlockLimit& operator=(const KeepMemlockLimit&) = delete;
  ~KeepMemlockLimit() { ::setrlimit(RLIMIT_MEMLOCK, &limit_); }

 private:
  rlimit limit_{};
};

Result<UniqueFd> duplicate(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return errno_error("F_DUPFD_CLOEXEC");
  return copy;
}

Result<uint64_t> cookie_of(int socket) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (::getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) {
    return errno_error("SO_COOKIE");
  }
  return cookie;
}

// The slot of a socket in the table.
std::optional<uint32_t> slot_of(int sockets, uint64_t cookie) {
  for (uint32_t slot = 0; slot < Balancer::kMostSlots; ++slot) {
    uint64_t there = 0;
    if (bpf_map_lookup_elem(sockets, &slot, &there) == 0 && there == cookie) return slot;
  }
  return std::nullopt;
}

}  // namespace

struct Balancer::Layout {
  const char* name;
  uint32_t type;
  uint32_t value_bytes;
  uint32_t entries;

  Result<void> check(int fd) const {
    bpf_map_info info{};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return errno_error("BPF_OBJ_GET_INFO_BY_FD");
    if (std::string_view(info.name) == name && info.type == type &&
        info.value_size == value_bytes && info.max_entries == entries) {
      return {};
    }
    return Error{0, "it is of another layout"};
  }
};

constexpr std::array<Balancer::Layout, Balancer::kTables> Balancer::kLayouts = {{
    {"sockets", BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, sizeof(uint64_t), kMostSlots},
    {"loads", BPF_MAP_TYPE_ARRAY, sizeof(SlotLoad), kMostSlots},
    {"served", BPF_MAP_TYPE_ARRAY, sizeof(uint64_t), kServedEntries},
}};

Result<Balancer> Balancer::create() {
  return load({});
}

Result<Balancer> Balancer::adopt(std::map<uint32_t, UniqueFd> stored) {
  Tables tables;
  for (uint32_t i = 0; i < kTables; ++i) {
    const Layout& layout = kLayouts[i];
    const std::string who = std::string("eBPF table ") + layout.name;
    if (!stored[i]) return Error{0, who + " is missing"};
    if (auto checked = layout.check(stored[i].get()); !checked) {
      return std::move(checked).error().in(who);
    }
    tables[i] = std::move(stored[i]);
  }
  return load(std::move(tables));
}

Result<Balancer> Balancer::load(Tables adopted) {
  libbpf_set_print(nullptr);  // what it has to say is in the error code
  const KeepMemlockLimit keep;
  const Object object = open_object();
  if (!object) return load_error(errno);
  std::array<bpf_map*, kTables> maps{};
  for (size_t i = 0; i < kTables; ++i) {
    maps[i] = bpf_object__find_map_by_name(object.get(), kLayouts[i].name);
    SH_ASSERT(maps[i] != nullptr);
    if (!adopted[i]) continue;
    if (const int code = bpf_map__reuse_fd(maps[i], adopted[i].get()); code != 0) {
      return errno_error("bpf_map__reuse_fd", -code);
    }
  }
  if (const int code = bpf_object__load(object.get()); code != 0) return load_error(-code);

  Balancer balancer;
  for (size_t i = 0; i < kTables; ++i) balancer.tables_[i] = TRY(duplicate(bpf_map__fd(maps[i])));
  const bpf_program* program = bpf_object__next_program(object.get(), nullptr);
  balancer.program_ = TRY(duplicate(bpf_program__fd(program)));
  TRY(balancer.map_tables());
  return balancer;
}

Result<void> Balancer::map_tables() {
  loads_ = TRY(LoadTable::map(loads_fd()));
  served_ = TRY(
      Mapping::create(tables_[Served].get(), kServedEntries * sizeof(uint64_t), Access::ReadWrite));
  return {};
}

Result<void> Balancer::add(uint32_t slot, int socket) {
  SH_ASSERT(slot < kMostSlots);
  const int sockets = tables_[Sockets].get();
  const uint64_t cookie = TRY(cookie_of(socket));
  uint64_t there = 0;
  if (bpf_map_lookup_elem(sockets, &slot, &there) == 0 && there == cookie) return {};
  const auto value = static_cast<uint64_t>(socket);
  if (bpf_map_update_elem(sockets, &slot, &value, BPF_ANY) == 0) return {};
  if (errno != EBUSY) return errno_error("add to the eBPF table of sockets");
  // A socket can be in one place of one table only: in ours at another slot, or in a foreign one.
  const std::optional<uint32_t> elsewhere = slot_of(sockets, cookie);
  if (!elsewhere) {
    return Error{EBUSY, "the socket is still in the table of an eBPF program of a predecessor"};
  }
  if (bpf_map_delete_elem(sockets, &*elsewhere) != 0 ||
      bpf_map_update_elem(sockets, &slot, &value, BPF_ANY) != 0) {
    return errno_error("move in the eBPF table of sockets");
  }
  return {};
}

Result<void> Balancer::attach(int member) const {
  const int program = program_.get();
  if (::setsockopt(member, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &program, sizeof program) != 0) {
    return errno_error("SO_ATTACH_REUSEPORT_EBPF");
  }
  return {};
}

std::span<std::atomic<uint64_t>> Balancer::served() const {
  return {reinterpret_cast<std::atomic<uint64_t>*>(served_.bytes().data()), kServedEntries};
}

void Balancer::serve(std::span<const uint32_t> slots) {
  SH_ASSERT(slots.size() <= kMostSlots);
  const auto table = served();
  const uint64_t in_force = table[0].load(std::memory_order_relaxed) & UINT32_MAX;
  const uint64_t list = in_force == 0 ? 0 : (in_force - 1) / kMostSlots;
  const uint64_t first = 1 + (list + 1) % kLists * kMostSlots;
  for (size_t i = 0; i < slots.size(); ++i) {
    table[first + i].store(slots[i], std::memory_order_relaxed);
  }
  table[0].store(uint64_t{slots.size()} << 32 | first, std::memory_order_release);
}

void Balancer::settle(uint32_t slot, int64_t before, const Waiting& waiting) {
  SlotLoad& load = loads()[slot];
  const int64_t after = load.under_way();
  const int64_t least = waiting.queued;
  const int64_t most = least + waiting.handshakes;
  int64_t excess = 0;
  if (std::min(before, after) > most) excess = std::min(before, after) - most;
  if (std::max(before, after) < least) excess = std::max(before, after) - least;
  if (excess == 0) return;
  load.forgotten.store(
      load.forgotten.load(std::memory_order_relaxed) + static_cast<uint64_t>(excess),
      std::memory_order_relaxed);
}

std::array<int, Balancer::kTables> Balancer::stored() const {
  return {tables_[Sockets].get(), tables_[Loads].get(), tables_[Served].get()};
}

}  // namespace sockherd::sys
