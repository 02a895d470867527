#include "../common.h"
// the sieve of eratosthenes up to 128, a byte a number on the stack
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(64);
  u8 composite[128];
  u32 sum = 0, weight = data[0];
  ROLLED for (int i = 0; i < 128; i++) composite[i] = 0;
  ROLLED for (u32 i = 2; i < 12; i++)
    ROLLED for (u32 k = i * i; k < 128; k += i) composite[k] = 1;
  ROLLED for (u32 i = 2; i < 128; i++) if (!composite[i]) sum += i * weight;
  return sum;
}
