#include "../common.h"
// two counters behind a spin lock
struct bpf_spin_lock { u32 val; };
struct slot { struct bpf_spin_lock lock; u32 packets; u64 bytes; };
static long (*lock)(struct bpf_spin_lock *) = (void *)93;
static long (*unlock)(struct bpf_spin_lock *) = (void *)94;
MAP(slots, 2, u32, struct slot, 16);
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(34);
  u32 key = data[30] & 15;
  struct slot *slot = map_lookup(&slots, &key);
  if (!slot) return 0;
  lock(&slot->lock);
  slot->packets++;
  slot->bytes += 64;
  unlock(&slot->lock);
  return data[23];
}
