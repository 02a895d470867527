#include "../common.h"
// leading zeros of 32 words by halving, the shifts depend on branches
ALWAYS u32 leading(u32 x) {
  u32 n = 0;
  if (!x) return 32;
  if (x < 1u << 16) { n += 16; x <<= 16; }
  if (x < 1u << 24) { n += 8; x <<= 8; }
  if (x < 1u << 28) { n += 4; x <<= 4; }
  if (x < 1u << 30) { n += 2; x <<= 2; }
  return n + (x < 1u << 31);
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(448);
  u32 *words = (u32 *)(data + 320), sum = 0;
  ROLLED for (int i = 0; i < 32; i++) sum += leading(words[i] >> (i & 15)) << (i & 3);
  return sum;
}
