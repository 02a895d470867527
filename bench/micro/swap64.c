#include "../common.h"
// a 128-bit number of network order, multiplied by three and added up 16 times, and back to network order
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  u64 *words = (u64 *)(data + 320), high = 0, low = 0;
  ROLLED for (int i = 0; i < 16; i++) {
    u64 add = __builtin_bswap64(words[2 * i + 1]);
    low += add;
    high += __builtin_bswap64(words[2 * i]) + (low < add);
    high = __builtin_bswap64(high ^ low);
  }
  return (u32)(__builtin_bswap64(high) >> 32) ^ (u32)__builtin_bswap64(low);
}
