#include "../common.h"
// the class of each of 64 bytes, by ranges in order
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  u32 sum = 0;
  ROLLED for (int i = 0; i < 64; i++) {
    u8 c = data[320 + i];
    u32 class = c < 0x20 ? 1 : c < 0x30 ? 2 : c < 0x3a ? 3 : c < 0x41 ? 4 : c < 0x5b ? 5 : c < 0x61 ? 6 : c < 0x7b ? 7
      : c < 0x80 ? 8 : c < 0xc0 ? 9 : c < 0xe0 ? 10 : 11;
    sum = sum * 3 + class;
  }
  return sum;
}
