#include "../common.h"
// gre with its optional fields, and the ipv4 packet in it
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(38);
  if (*(u16 *)(data + 12) != 0x0008 || data[23] != 47) return 1;
  u8 *p = data + 14 + (data[14] & 15) * 4;
  if (p + 4 > data_end) return 2;
  u16 flags = __builtin_bswap16(*(u16 *)p), type = *(u16 *)(p + 2);
  u32 key = 0;
  p += 4;
  if (flags & 0x8000) p += 4;
  if (flags & 0x2000) {
    if (p + 4 > data_end) return 3;
    key = __builtin_bswap32(*(u32 *)p);
    p += 4;
  }
  if (flags & 0x1000) p += 4;
  if (type != 0x0008) return 4;
  if (p + 24 > data_end) return 5;
  return key ^ *(u32 *)(p + 12) ^ *(u32 *)(p + 16) ^ *(u32 *)(p + 20) ^ p[9];
}
