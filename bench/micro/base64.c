#include "../common.h"
// encodes 48 bytes into base64, each character by comparisons
ALWAYS u8 digit(u32 x) {
  if (x < 26) return 'A' + x;
  if (x < 52) return 'a' + x - 26;
  if (x < 62) return '0' + x - 52;
  return x == 62 ? '+' : '/';
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(368);
  u32 hash = 0x811c9dc5;
  ROLLED for (int i = 0; i < 48; i += 3) {
    u32 word = data[320 + i] << 16 | data[321 + i] << 8 | data[322 + i];
    ROLLED for (int shift = 18; shift >= 0; shift -= 6) hash = (hash ^ digit(word >> shift & 63)) * 0x01000193;
  }
  return hash;
}
