#include "../common.h"
// 200 steps of a generator of 64 bits, the upper half permuted by a rotation that varies
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(328);
  u64 state = *(u64 *)(data + 320);
  u32 sum = 0;
  ROLLED for (int i = 0; i < 200; i++) {
    u32 word = (state >> 18 ^ state) >> 27, by = state >> 59;
    sum += word >> by | word << (-by & 31);
    state = state * 6364136223846793005 + 1442695040888963407;
  }
  return sum;
}
