#include "common.h"
// walks the options of a tcp segment for the maximum segment size
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(54);
  u32 end = (data[46] >> 4) * 4, at = 20, mss = 0;
  u8 *tcp = data + 34;
#pragma clang loop unroll(disable)
  for (int i = 0; i < 10; i++) {
    if (at >= 60 || at >= end) break;
    u8 *p = tcp + at;
    if (p + 4 > data_end) break;
    if (p[0] == 0) break;
    if (p[0] == 1) { at++; continue; }
    if (p[0] == 2) { mss = p[2] << 8 | p[3]; break; }
    if (p[1] < 2) return 1;
    at += p[1] & 15;
  }
  return mss + at;
}
