#include "../common.h"
// decompression: 48 tokens of a literal, or a copy from what was written, into global data
u8 out[512];
u32 end;
ALWAYS void put(u8 byte) {
  u32 at = *(volatile u32 *)&end;
  out[at & 511] = byte;
  *(volatile u32 *)&end = at + 1;
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(512);
  u32 sum = 0;
  end = 16;
  ROLLED for (int i = 0; i < 16; i++) out[i] = data[58 + i];
  ROLLED for (int i = 0; i < 48; i++) {
    u8 token = data[320 + 2 * i], value = data[321 + 2 * i];
    if (token & 1) {
      put(value);
      continue;
    }
    u32 from = end - 1 - (value & 15), length = 3 + (token >> 1 & 3);
    ROLLED for (u32 k = 0; k < 6; k++) {
      if (k >= length) break;
      put(out[from++ & 511]);
    }
  }
  ROLLED for (int i = 0; i < 64; i++) sum = sum * 3 + out[i * 4];
  return sum + end;
}
