#include "../common.h"
// crc-32 of 32 bytes, bit by bit
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(352);
  u32 crc = ~0u;
  ROLLED for (int i = 0; i < 32; i++) {
    crc ^= data[320 + i];
    ROLLED for (int bit = 0; bit < 8; bit++) {
      u32 odd = crc & 1;
      crc >>= 1;
      if (odd) crc ^= 0xedb88320;
    }
  }
  return ~crc;
}
