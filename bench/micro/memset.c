#include "../common.h"
// clears and fills the packet and the stack with constants and with a byte
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(512);
  u8 a[128], fill = data[320];
  __builtin_memset(a, 0, sizeof a);
  __builtin_memset(data + 400, 0xff, 64);
  ROLLED for (int i = 0; i < 40; i++) a[i * 3] = fill;
  ROLLED for (int i = 0; i < 64; i++) data[432 + i] = fill + i;
  return *(u32 *)(a + 20) ^ *(u32 *)(a + 76) ^ *(u32 *)(data + 430);
}
