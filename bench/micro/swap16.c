#include "../common.h"
// 64 halfwords from network order
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(448);
  u16 *words = (u16 *)(data + 320);
  u32 sum = 0;
  ROLLED for (int i = 0; i < 64; i++) sum = sum * 5 + __builtin_bswap16(words[i]);
  return sum;
}
