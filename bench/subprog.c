#include "common.h"
// the parser in functions of their own
struct cursor { u8 *pos, *end; };
static __attribute__((noinline)) int ethertype(struct cursor *c) {
  if (c->pos + 14 > c->end) return -1;
  int type = *(u16 *)(c->pos + 12);
  c->pos += 14;
  return type;
}
static __attribute__((noinline)) int protocol(struct cursor *c) {
  if (c->pos + 20 > c->end) return -1;
  u32 length = (c->pos[0] & 15) * 4;
  int proto = c->pos[9];
  if (length < 20) return -1;
  c->pos += length;
  return proto;
}
static __attribute__((noinline)) u32 mix(u32 a, u32 b) { return (a ^ b) * 0x9e3779b1; }
SEC("xdp") int prog(struct xdp_md *ctx) {
  struct cursor c = {(u8 *)(long)ctx->data, (u8 *)(long)ctx->data_end};
  if (ethertype(&c) != 0x0008) return 1;
  int proto = protocol(&c);
  if (proto < 0) return 1;
  if (c.pos + 4 > c.end) return 1;
  return mix(*(u16 *)c.pos, *(u16 *)(c.pos + 2)) >> 16 ^ proto;
}
