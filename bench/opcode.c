#include "common.h"
// a little machine: a switch over each of sixteen bytes
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(80);
  u32 acc = 1;
  for (int i = 0; i < 16; i++) {
    u8 op = data[56 + i];
    switch (op & 7) {
      case 0: acc += op; break;
      case 1: acc ^= op; break;
      case 2: acc *= 3; break;
      case 3: acc -= op >> 3; break;
      case 4: acc = acc << 3 | acc >> 29; break;
      case 5: acc |= op; break;
      case 6: acc = ~acc; break;
      default: acc &= 0xffffff; break;
    }
  }
  return acc & 0x7fffffff;
}
