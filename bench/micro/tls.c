#include "../common.h"
// the server's name in a client hello: past session, ciphers and compressions, then extension by extension
ALWAYS u32 half(const u8 *p) { return p[0] << 8 | p[1]; }
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(54 + 44);
  u8 *p = data + 54;
  if (p[0] != 22 || p[1] != 3 || p[5] != 1) return 1;
  p += 44 + (p[43] & 31);
  if (p + 2 > data_end) return 2;
  p += 2 + (half(p) & 127);
  if (p + 1 > data_end) return 3;
  p += 3 + (p[0] & 3);
  ROLLED for (int i = 0; i < 16; i++) {
    if (p + 4 > data_end) return 4;
    u32 type = half(p), length = half(p + 2) & 127;
    p += 4;
    if (type == 0) {
      u32 hash = i;
      p += 5;
      ROLLED for (int k = 0; k < 24; k++) {
        if (p + 1 > data_end) break;
        hash = hash * 33 ^ *p++;
      }
      return hash;
    }
    p += length;
  }
  return 5;
}
