#include "../common.h"
// a filter of 1024 bits in global data: three hashes set and then tested for eight words
u64 bits[16];
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(400);
  u32 *words = (u32 *)(data + 320), found = 0;
  ROLLED for (int i = 0; i < 16; i++) {
    u32 h = words[i] * 0x9e3779b1, a = h >> 22, b = h >> 12 & 1023, c = h >> 2 & 1023;
    if (i < 8) {
      bits[a >> 6] |= 1ull << (a & 63);
      bits[b >> 6] |= 1ull << (b & 63);
      bits[c >> 6] |= 1ull << (c & 63);
    }
    found += bits[a >> 6] >> (a & 63) & bits[b >> 6] >> (b & 63) & bits[c >> 6] >> (c & 63) & 1;
  }
  return found;
}
