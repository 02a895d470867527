#include "../common.h"
// a stack of functions that pass a cursor by pointer
struct cursor { u8 *at, *end; u32 sum, depth; };
static NOINLINE int byte(struct cursor *c) {
  if (c->at + 1 > c->end) return -1;
  c->sum++;
  return *c->at++;
}
static NOINLINE int half(struct cursor *c) {
  int high = byte(c), low = byte(c);
  c->depth++;
  return high < 0 || low < 0 ? -1 : high << 8 | low;
}
static NOINLINE int word(struct cursor *c) {
  int high = half(c), low = half(c);
  return high < 0 || low < 0 ? -1 : high << 16 | low;
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(352);
  struct cursor c = {data + 320, data_end, 0, 0};
  u32 sum = 0;
  for (int i = 0; i < 4; i++) sum = sum * 3 + word(&c);
  return sum + c.sum + c.depth;
}
