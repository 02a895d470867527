#include "../common.h"
// insertion sort of 24 words in global data
u32 a[32];
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(416);
  u32 *from = (u32 *)(data + 320), sum = 0;
  ROLLED for (int i = 0; i < 24; i++) {
    u32 word = from[i];
    int k = i;
    ROLLED for (int n = 0; n < 24; n++) {
      if (k <= 0 || a[(k - 1) & 31] <= word) break;
      a[k & 31] = a[(k - 1) & 31];
      k--;
    }
    a[k & 31] = word;
  }
  ROLLED for (int i = 0; i < 24; i++) sum = sum * 3 + a[i];
  return sum;
}
