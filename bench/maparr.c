#define ARRAY_MAP
#include "common.h"
// 32 array-map lookups with an increment each
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(64 + 64);
  u64 sum = 0;
#pragma clang loop unroll(disable)
  for (u32 i = 0; i < 32; i++) {
    u32 k = (data[64 + i] + i * 29) & 1023;
    u64 *v = map_lookup(arr, &k);
    if (v) { *v += 1; sum += k; }
  }
  return (u32)sum;
}
