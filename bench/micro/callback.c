#include "../common.h"
// bpf_loop, 64 times, over a structure on the stack
static long (*loop)(u32 count, void *callback, void *context, u64 flags) = (void *)181;
struct state { u64 a, b; u32 steps; };
static long step(u32 i, struct state *s) {
  u64 next = s->a + (s->b ^ i);
  s->b = s->a;
  s->a = next;
  s->steps++;
  return next >> 63;
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(352);
  struct state s = {data[320], data[321], 0};
  loop(64, step, &s, 0);
  return (u32)(s.a ^ s.b) + s.steps;
}
