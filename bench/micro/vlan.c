#include "../common.h"
// ethernet with up to three tags, each checked against the end; then the type
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(14);
  u8 *p = data + 12;
  u32 tags = 0;
  UNROLLED for (int i = 0; i < 3; i++) {
    u16 type = __builtin_bswap16(*(u16 *)p);
    if (type != 0x8100 && type != 0x88a8) break;
    if (p + 6 > data_end) return 1;
    tags = tags << 12 | (__builtin_bswap16(*(u16 *)(p + 2)) & 0xfff);
    p += 4;
  }
  return tags ^ *(u16 *)p;
}
