#include "../common.h"
// for each of 24 bytes, the distance to the next one of the same lower bits: most loops end early
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(384);
  u32 sum = 0;
  ROLLED for (u32 i = 0; i < 24; i++) {
    u32 k = 1;
    ROLLED for (; k < 32; k++) if (!((data[320 + i] ^ data[320 + i + k]) & 7)) break;
    sum = sum * 3 + k;
  }
  return sum;
}
