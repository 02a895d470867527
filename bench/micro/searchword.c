#include "../common.h"
// ends of lines in 240 bytes, eight bytes at a time by arithmetic
#define ONES 0x0101010101010101
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(298);
  u32 lines = 0;
  ROLLED for (int i = 0; i < 240; i += 8) {
    u64 word = *(u64 *)(data + 58 + i) ^ ONES * '\n';
    u64 zeros = (word - ONES) & ~word & ONES << 7;
    lines += (zeros >> 7) * ONES >> 56;
  }
  return lines;
}
