#include "../common.h"
// 200 steps of xorshift32, and a bit count by comparison
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(324);
  u32 x = *(u32 *)(data + 320) | 1, above = 0;
  ROLLED for (int i = 0; i < 200; i++) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    above += x > 0x9e3779b9;
  }
  return above << 24 ^ x;
}
