#include "../common.h"
// square roots of 16 words, by eight steps of newton
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(384);
  u32 *words = (u32 *)(data + 320), sum = 0;
  ROLLED for (int i = 0; i < 16; i++) {
    u32 word = words[i], root = 1 << 16;
    ROLLED for (int step = 0; step < 8; step++) root = (root + word / (root | 1)) >> 1;
    sum = sum * 3 + root;
  }
  return sum;
}
