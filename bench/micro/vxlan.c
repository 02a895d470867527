#include "../common.h"
// two layers of ethernet, ipv4 and udp around vxlan: the outer and the inner flow in one number
struct layer { u32 source, destination; u16 sport, dport; };
ALWAYS u8 *layer(u8 *p, u8 *end, struct layer *l) {
  if (p + 34 > end || *(u16 *)(p + 12) != 0x0008) return 0;
  l->source = *(u32 *)(p + 26);
  l->destination = *(u32 *)(p + 30);
  p += 14 + (p[14] & 15) * 4;
  if (p + 8 > end) return 0;
  l->sport = *(u16 *)p;
  l->dport = *(u16 *)(p + 2);
  return p + 8;
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  struct layer outer, inner;
  u8 *end = (u8 *)(long)ctx->data_end, *p = layer((u8 *)(long)ctx->data, end, &outer);
  if (!p) return 1;
  if (outer.dport != __builtin_bswap16(4789) || p + 8 > end) return 2;
  u32 network = __builtin_bswap32(*(u32 *)(p + 4)) >> 8;
  if (!layer(p + 8, end, &inner)) return 3;
  return network ^ outer.source ^ inner.source ^ inner.destination ^ (inner.sport << 16 | inner.dport) ^ outer.sport;
}
