#include "../common.h"
// rc4 in global data: the key's schedule, then 64 bytes
u8 state[256];
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(400);
  u8 i, j = 0;
  u32 sum = 0;
  ROLLED for (int k = 0; k < 256; k++) state[k] = k;
  ROLLED for (int k = 0; k < 256; k++) {
    u8 old = state[k];
    j += old + data[320 + (k & 15)];
    state[k] = state[j];
    state[j] = old;
  }
  i = j = 0;
  ROLLED for (int k = 0; k < 64; k++) {
    u8 old = state[++i];
    j += old;
    u8 other = state[j];
    state[i] = other;
    state[j] = old;
    sum = sum * 3 + (data[336 + k] ^ state[(u8)(old + other)]);
  }
  return sum;
}
