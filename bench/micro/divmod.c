#include "../common.h"
// quotients and remainders of 32 and of 64 bits, of numbers that are not constant
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(448);
  u32 *words = (u32 *)(data + 320), sum = 0;
  u64 wide = 0;
  ROLLED for (int i = 0; i < 16; i++) {
    u32 by = words[i + 16] & 0xffff;
    sum += words[i] / by + words[i] % by;
    wide += ((u64)words[i] << 20 | sum) / (by | 1);
  }
  return sum ^ (u32)wide;
}
