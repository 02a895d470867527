#include "../common.h"
// a mean of pixels with saturation: sums and differences that stop at 0 and 255
ALWAYS u32 add(u32 a, u32 b) { u32 c = a + b; return c > 255 ? 255 : c; }
ALWAYS u32 sub(u32 a, u32 b) { return a > b ? a - b : 0; }
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  u32 sum = 0;
  ROLLED for (int i = 0; i < 64; i++) {
    u32 a = data[320 + i], b = data[384 + i];
    sum = sum * 3 + add(a, b) + sub(a, b / 2);
  }
  return sum;
}
