#include "../common.h"
// adler-32 of 256 bytes, a modulo after each sixteen
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  u32 a = 1, b = 0;
  ROLLED for (int i = 0; i < 256; i += 16) {
    for (int k = 0; k < 16; k++) {
      a += data[320 + i + k];
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return b << 16 | a;
}
