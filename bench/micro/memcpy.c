#include "../common.h"
// copies between packet and stack: 6, 14, 40, 64 and 96 bytes
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(512);
  u8 a[96], b[64];
  __builtin_memcpy(a, data + 320, 96);
  __builtin_memcpy(b, a + 16, 64);
  __builtin_memcpy(b + 3, data + 14, 40);
  __builtin_memcpy(a + 5, b + 7, 14);
  __builtin_memcpy(a + 50, data + 6, 6);
  __builtin_memcpy(data + 400, a, 96);
  return *(u32 *)(data + 404) ^ *(u32 *)(data + 448) ^ *(u32 *)(b + 32);
}
