#include "../common.h"
// forty words of a polynomial without a loop
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(480);
  u32 *words = (u32 *)(data + 320), sum = 1;
  UNROLLED for (int i = 0; i < 40; i++) sum = sum * 0x9e3779b1 + (words[i] ^ sum >> 15);
  return sum;
}
