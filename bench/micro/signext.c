#include "../common.h"
// signed bytes, halfwords and words made 64 bits wide
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  long long sum = 0;
  ROLLED for (int i = 0; i < 32; i++) {
    long long a = (signed char)data[320 + i], b = *(short *)(data + 352 + 2 * i), c = *(int *)(data + 416 + 4 * i);
    sum += a * b - (c >> 5) + (signed char)sum;
  }
  return (u32)(sum >> 8 ^ sum);
}
