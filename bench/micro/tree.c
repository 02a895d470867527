#include "../common.h"
// a decision tree six comparisons deep over the fields of a packet, for 16 of them
ALWAYS u32 decide(const u8 *p) {
  u32 a = p[0], b = p[1], c = p[2], d = p[3];
  if (a < 128) {
    if (b < 64) {
      if (c < 32) return d < 100 ? 1 : d < 200 ? 2 : 3;
      if (c < 96) return d & 1 ? 4 : a < 20 ? 5 : 6;
      return a + b < c ? 7 : 8;
    }
    if (b < 192) {
      if (d < 50) return c < 50 ? 9 : c < 150 ? 10 : 11;
      if (d < 180) return a > b ? 12 : c > d ? 13 : 14;
      return 15;
    }
    return c == d ? 16 : c < d ? 17 : 18;
  }
  if (d < 128) {
    if (a < 192) return b < c ? b < 40 ? 19 : 20 : c < 30 ? 21 : 22;
    if (a < 224) return (b ^ c) < 128 ? 23 : 24;
    return b > 200 ? 25 : 26;
  }
  if (c < 100) return b < 100 ? a < 160 ? 27 : 28 : 29;
  return a + d > 400 ? 30 : b + c > 300 ? 31 : 32;
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(448);
  u32 sum = 0;
  ROLLED for (int i = 0; i < 16; i++) sum = sum * 5 + decide(data + 320 + 4 * i);
  return sum;
}
