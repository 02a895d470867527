#define ARRAY_MAP
#define HASH_MAP
#include "common.h"
// realistic small XDP program: parse one IPv4/TCP packet, 1 hash lookup (hit) + counters, 1 array counter
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(14 + 20 + 20);
  if (*(u16*)(data + 12) != 0x0008) return 1;
  u8 *ip = data + 14; if ((ip[0] & 15) != 5) return 1;
  if (ip[9] != 6 && ip[9] != 17) return 1;
  struct fkey k = { *(u32*)(ip + 12), *(u32*)(ip + 16), *(u16*)(ip + 20), *(u16*)(ip + 22), ip[9] };
  u64 len = data_end - data;
  struct fval *v = map_lookup(htab, &k);
  if (v) { v->packets++; v->bytes += len; }
  else { struct fval nv = { 1, len }; map_update(htab, &k, &nv, 0); }
  u32 idx = ip[9]; u64 *c = map_lookup(arr, &idx); if (c) *c += 1;
  return 2;
}
