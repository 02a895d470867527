#include "../common.h"
// crc-32 of 256 bytes with a table of 256, filled by the first run
u32 table[256];
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  if (!table[1])
    ROLLED for (u32 i = 0; i < 256; i++) {
      u32 crc = i;
      for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (-(crc & 1) & 0xedb88320);
      table[i] = crc;
    }
  u32 crc = ~0u;
  ROLLED for (int i = 0; i < 256; i++) crc = crc >> 8 ^ table[(crc ^ data[320 + i]) & 255];
  return ~crc;
}
