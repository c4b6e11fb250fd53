// Chooses, for each new connection, the least loaded of the served sockets of a SO_REUSEPORT group.
//
// load(slot) = open + assigned - accepted - forgotten. The worker of a slot publishes what it has
// open and has accepted; but that is stale within a burst (max/mean up to 2.19, measured), so the
// program counts what it assigned itself. The other half, and who writes what: sys/balancer.h and
// sys/slot_load.h.
//
// Loads with CAP_BPF alone. Without CAP_PERFMON the verifier forbids variable offsets into a map
// value, so each access to a table is a lookup by its key.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define MOST_SLOTS 1024
#define LISTS 4  // see served
// A list of up to so many slots is looked at as a whole; of a longer one, so many neighbours that
// begin at a random place. That is as good as "the less loaded of two" or better, and one path.
#define LOOKED_AT 8

#define TCP_FLAGS 13  // offset in the header
#define SYN 0x02

struct slot_load {  // sys::SlotLoad
  __u64 assigned;
  __u64 open;
  __u64 accepted;
  __u64 forgotten;
  __u64 unused[4];
};

struct {
  __uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
  __uint(max_entries, MOST_SLOTS);
  __type(key, __u32);  // slot
  __type(value, __u64);
} sockets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, MOST_SLOTS);
  __type(key, __u32);  // slot
  __type(value, struct slot_load);
} loads SEC(".maps");

// Entry 0 is the list in force, count << 32 | first; then come lists of slots. A new list is
// written where no reader is, and one 8-byte store to entry 0 switches to it. Four lists in turn: a
// run of the program would have to last through three switches to see one overwritten.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1 + LISTS * MOST_SLOTS);
  __type(key, __u32);
  __type(value, __u64);
} served SEC(".maps");

static __always_inline __u64 served_at(__u32 key) {
  const volatile __u64* entry = bpf_map_lookup_elem(&served, &key);
  return entry ? *entry : 0;
}

// A packet without SYN comes here too: a stray one, which no accept will ever follow, or the end of
// a handshake by cookie, whose SYN was counted.
static __always_inline int begins_connection(const struct sk_reuseport_md* packet) {
  __u8 flags = SYN;
  bpf_skb_load_bytes(packet, TCP_FLAGS, &flags, sizeof flags);
  return flags & SYN;
}

SEC("sk_reuseport")
int least_connections(struct sk_reuseport_md* packet) {
  const __u64 list = served_at(0);
  const __u32 count = list >> 32;
  const __u32 first = (__u32)list;
  if (count == 0) return SK_PASS;  // without a choice, the kernel's hash chooses

  // From a random place, so that slots of equal load take turns.
  __u32 place = bpf_get_prandom_u32() % count;
  __s64 least = 0;
  __u32 best = MOST_SLOTS;
  for (__u32 i = 0; i < LOOKED_AT; ++i) {
    if (i == count) break;
    const __u32 slot = (__u32)served_at(first + place);
    if (++place == count) place = 0;
    const volatile struct slot_load* load = bpf_map_lookup_elem(&loads, &slot);
    if (!load) continue;
    const __s64 now = (__s64)(load->open + load->assigned - load->accepted - load->forgotten);
    if (best == MOST_SLOTS || now < least) {
      least = now;
      best = slot;
    }
  }

  if (bpf_sk_select_reuseport(packet, &sockets, &best, 0) != 0) return SK_PASS;
  if (!begins_connection(packet)) return SK_PASS;
  struct slot_load* load = bpf_map_lookup_elem(&loads, &best);
  if (load) __sync_fetch_and_add(&load->assigned, 1);
  return SK_PASS;
}

// Every helper in use is open to any licence.
char _license[] SEC("license") = "Apache-2.0";
