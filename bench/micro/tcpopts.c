#include "../common.h"
// the options of a tcp segment: size, scale, permission and time stamps
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(54);
  u8 *options = data + 54;
  u32 end = (data[46] >> 4) * 4, at = 0, sum = 0;
  if (end < 20) return 1;
  end -= 20;
  ROLLED for (int i = 0; i < 12; i++) {
    if (at >= end || at >= 40) break;
    u8 *p = options + at;
    if (p + 10 > data_end) break;
    u8 kind = p[0];
    if (kind == 0) break;
    if (kind == 1) {
      at++;
      continue;
    }
    if (kind == 2) sum += p[2] << 8 | p[3];
    else if (kind == 3) sum += p[2] << 16;
    else if (kind == 4) sum ^= 1 << 24;
    else if (kind == 8) sum += __builtin_bswap32(*(u32 *)(p + 2)) ^ __builtin_bswap32(*(u32 *)(p + 6));
    u8 length = p[1];
    if (length < 2) return 2;
    at += length;
  }
  return sum + at;
}
