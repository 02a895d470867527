#include "common.h"
// words put together byte by byte, as code does that must not assume alignment
ALWAYS u32 word(const u8 *p) { return (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }
ALWAYS u32 half(const u8 *p) { return p[0] << 8 | p[1]; }
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(54);
  u32 sum = word(data + 26) ^ word(data + 30);
  sum += half(data + 34) * 31 + half(data + 36);
  sum ^= word(data + 38) + word(data + 42);
  for (int i = 0; i < 6; i++) sum = sum * 33 + (data[i] ^ data[i + 6]);
  return sum & 0x7fffffff;
}
