#include "../common.h"
// fibonacci numbers modulo a prime, as many as a byte says
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(336);
  u32 a = 1, b = 1, n = 40 + (data[320] & 63);
  ROLLED for (u32 i = 0; i < 128; i++) {
    if (i >= n) break;
    u32 next = a + b;
    if (next >= 1000003) next -= 1000003;
    a = b;
    b = next;
  }
  return b;
}
