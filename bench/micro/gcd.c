#include "../common.h"
// greatest common divisors of eight pairs, by remainders
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(384);
  u32 *words = (u32 *)(data + 320), sum = 0;
  ROLLED for (int i = 0; i < 8; i++) {
    u32 a = (words[i] & 0xffff) * 12, b = (words[i + 8] & 0xffff) * 18;
    ROLLED for (int k = 0; k < 32; k++) {
      if (!b) break;
      u32 rest = a % b;
      a = b;
      b = rest;
    }
    sum = sum * 5 + a;
  }
  return sum;
}
