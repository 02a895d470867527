#define HASH_MAP
#include "common.h"
// 16 hash-map updates of existing keys
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(64);
  struct fkey k = { *(u32*)(data + 26), *(u32*)(data + 30), *(u16*)(data + 34), *(u16*)(data + 36), data[23] };
  struct fval v = { 1, data[20] };
  u32 ok = 0, base = k.src;
#pragma clang loop unroll(disable)
  for (u32 i = 0; i < 16; i++) {
    k.src = base + i * 7; v.packets = i;
    ok += map_update(htab, &k, &v, 0) == 0;
  }
  return ok;
}
