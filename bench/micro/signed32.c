#include "../common.h"
// signed arithmetic of 32 bits: shifts, comparisons, products of a filter
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  int *words = (int *)(data + 320), a = 0, b = 0, sum = 0;
  ROLLED for (int i = 0; i < 48; i++) {
    int x = words[i] >> 12;
    int y = (x * 93 + a * 41 - b * 22) >> 7;
    if (y > 400000) y -= 800000;
    b = a;
    a = y;
    sum += y >> 2;
  }
  return sum;
}
