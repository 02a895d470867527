#include "../common.h"
// 64 steps of a generator with a state of four words of 64 bits
#define ROL(x, n) ((x) << (n) | (x) >> (64 - (n)))
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(352);
  u64 *seed = (u64 *)(data + 320), a = seed[0], b = seed[1], c = seed[2], d = seed[3], sum = 0;
  ROLLED for (int i = 0; i < 64; i++) {
    sum += ROL(b * 5, 7) * 9;
    u64 t = b << 17;
    c ^= a; d ^= b; b ^= c; a ^= d; c ^= t;
    d = ROL(d, 45);
  }
  return (u32)(sum >> 32 ^ sum);
}
