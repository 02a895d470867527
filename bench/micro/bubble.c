#include "../common.h"
// bubble sort of 16 bytes' worth of words on the stack
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(336);
  u32 a[16], sum = 0;
  for (int i = 0; i < 16; i++) a[i] = data[320 + i] * 257;
  ROLLED for (int n = 0; n < 15; n++) {
    ROLLED for (int i = 0; i < 15; i++)
      if (a[i] > a[i + 1]) {
        u32 old = a[i];
        a[i] = a[i + 1];
        a[i + 1] = old;
      }
  }
  for (int i = 0; i < 16; i++) sum = sum * 3 + a[i];
  return sum;
}
