#include "common.h"
// a chain of records, each checked against the end before it is read
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(14);
  u8 *p = data + 14;
  u32 sum = 0;
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i++) {
    if (p + 8 > data_end) return 1;
    sum += *(u16 *)(p + 2);
    if (*(u32 *)(p + 4) == 0xdeadbeef) return 2;
    p += 4 + (p[0] & 7);
  }
  return sum;
}
