#include "../common.h"
// room for eight bytes before the packet, a header in it, and away again
static long (*adjust_head)(struct xdp_md *ctx, int delta) = (void *)44;
SEC("xdp") int prog(struct xdp_md *ctx) {
  if (adjust_head(ctx, -8)) return 1;
  HDR(64);
  __builtin_memcpy(data, data + 8, 8);
  *(u32 *)(data + 12) = 0x2a;
  u32 sum = *(u32 *)data + *(u32 *)(data + 20) + data[13];
  *(u32 *)(data + 12) = 0x02000200;
  if (adjust_head(ctx, 8)) return 2;
  return sum;
}
