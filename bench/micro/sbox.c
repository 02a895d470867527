#include "../common.h"
// four rounds over a block of 16: substitution, shifted rows, mixed columns, as in aes (with a box that is computed once)
u8 box[256];
ALWAYS u8 twice(u8 x) { return x << 1 ^ (x >> 7) * 0x1b; }
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(336);
  if (!box[0]) ROLLED for (u32 i = 0; i < 256; i++) box[i] = (i * 167 + 0x63) ^ i >> 4;
  u8 s[16], t[16];
  for (int i = 0; i < 16; i++) s[i] = data[320 + i];
  ROLLED for (int round = 0; round < 4; round++) {
    for (int i = 0; i < 16; i++) t[i] = box[s[(i * 5) & 15]];
    for (int i = 0; i < 16; i += 4) {
      u8 all = t[i] ^ t[i + 1] ^ t[i + 2] ^ t[i + 3];
      for (int k = 0; k < 4; k++) s[i + k] = t[i + k] ^ all ^ twice(t[i + k] ^ t[i + ((k + 1) & 3)]) ^ (u8)round;
    }
  }
  u32 sum = 0;
  for (int i = 0; i < 16; i++) sum = sum * 31 + s[i];
  return sum;
}
