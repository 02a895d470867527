#include "../common.h"
// rotations of 32 bits by constants and by what is in the data
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  u32 *words = (u32 *)(data + 320), a = 1, b = 2, c = 3;
  ROLLED for (int i = 0; i < 32; i++) {
    u32 word = words[i], by = word & 31;
    a = (a << 7 | a >> 25) ^ word;
    b = (b >> 11 | b << 21) + a;
    c ^= b << by | b >> (-by & 31);
    c = c << 16 | c >> 16;
  }
  return a ^ b ^ c;
}
