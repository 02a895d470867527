#include "../common.h"
// loops three deep with bounds that depend on the outer ones
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(384);
  u32 sum = 0;
  ROLLED for (u32 i = 1; i < 10; i++)
    ROLLED for (u32 k = i; k < 10; k++)
      ROLLED for (u32 n = 0; n < k; n++) sum = sum + data[320 + k] * i ^ n;
  return sum;
}
