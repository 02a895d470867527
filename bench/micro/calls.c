#include "../common.h"
// static functions of five arguments, one within the other, 16 times
static NOINLINE u32 mix(u32 a, u32 b, u32 c, u32 d, u32 e) { return (a ^ b) * 31 + (c ^ d) * 17 + e; }
static NOINLINE u32 fold(const u8 *p, u32 a, u32 b) {
  u32 x = mix(p[0], p[1], p[2], p[3], a);
  return mix(x, b, p[4], p[5], p[6]) ^ x >> 3;
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(448);
  u32 a = 1, b = 2;
  ROLLED for (int i = 0; i < 16; i++) {
    u32 next = fold(data + 320 + 8 * i, a, b);
    b = a;
    a = next;
  }
  return a;
}
