#include "../common.h"
// 200 steps of collatz, from a byte down to one, then from the next byte; the number is a global variable
u32 number;
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(336);
  u32 sum = 0;
  volatile u32 *n = &number;
  *n = data[320] + 27;
  ROLLED for (int i = 0; i < 200; i++) {
    u32 now = *n;
    if (now == 1) *n = data[320 + (i & 15)] + 27;
    else if (now & 1) *n = 3 * now + 1;
    else *n = now >> 1;
    sum += now;
  }
  return sum;
}
