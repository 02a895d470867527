#include "../common.h"
// 32 and 64 bits in turns: sums cut to 32 bits, indexes, shifts, comparisons of both widths
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  u64 wide = 0;
  u32 narrow = 1, above = 0;
  ROLLED for (u32 i = 0; i < 48; i++) {
    u32 word = *(u32 *)(data + 320 + 4 * i);
    wide += (u64)word * narrow;
    narrow += wide >> 17;
    if (wide > 0x7fffffffffffull) wide -= (u64)narrow << 14;
    if (narrow > word) above++;
    wide ^= (u32)wide + i;
  }
  return (u32)(wide >> 32) ^ narrow ^ above << 24;
}
