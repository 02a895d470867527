#define HASH_MAP
#include "common.h"
// 16 hash-map lookups (16-byte 5-tuple key) + counters
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(64);
  struct fkey k = { *(u32*)(data + 26), *(u32*)(data + 30), *(u16*)(data + 34), *(u16*)(data + 36), data[23] };
  u32 hit = 0, base = k.src;
#pragma clang loop unroll(disable)
  for (u32 i = 0; i < 16; i++) {
    k.src = base + i * 7;
    struct fval *v = map_lookup(htab, &k);
    if (v) { v->packets++; v->bytes += 1500; hit++; }
  }
  return hit;
}
