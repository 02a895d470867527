#include "../common.h"
// a product of two 6 by 6 matrices on the stack
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(392);
  int a[6][6], b[6][6], sum = 0;
  ROLLED for (int i = 0; i < 6; i++)
    ROLLED for (int k = 0; k < 6; k++) {
      a[i][k] = (signed char)data[320 + 6 * i + k];
      b[i][k] = (signed char)data[356 + 6 * i + k];
    }
  ROLLED for (int i = 0; i < 6; i++)
    ROLLED for (int k = 0; k < 6; k++) {
      int cell = 0;
      for (int n = 0; n < 6; n++) cell += a[i][n] * b[n][k];
      sum = sum * 3 + cell;
    }
  return sum;
}
