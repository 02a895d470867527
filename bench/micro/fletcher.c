#include "../common.h"
// fletcher-32 of 128 halfwords, folded without division
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  u16 *words = (u16 *)(data + 320);
  u32 a = 0xffff, b = 0xffff;
  ROLLED for (int i = 0; i < 128; i++) {
    a += words[i];
    b += a;
    a = (a & 0xffff) + (a >> 16);
    b = (b & 0xffff) + (b >> 16);
  }
  return b << 16 | (a & 0xffff);
}
