#include "../common.h"
// turns 32 words around, bit by bit in pairs, nibbles and bytes
ALWAYS u32 reverse(u32 x) {
  x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
  x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
  x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
  return __builtin_bswap32(x);
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(448);
  u32 *words = (u32 *)(data + 320), sum = 0;
  ROLLED for (int i = 0; i < 32; i++) sum = sum * 3 + reverse(words[i]);
  return sum;
}
