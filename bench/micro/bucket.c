#include "../common.h"
// a token bucket in an array map, in time that the packet tells
struct bucket { u64 tokens, last; };
MAP(buckets, 2, u32, struct bucket, 64);
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(64);
  u32 key = data[29] & 63, passed = 0;
  struct bucket *b = map_lookup(&buckets, &key);
  if (!b) return 0;
  b->tokens = 1000;
  b->last = 0;
  u64 now = 0;
  ROLLED for (int i = 0; i < 8; i++) {
    now += data[56 + i];
    u64 tokens = b->tokens + (now - b->last) * 3 / 2;
    if (tokens > 2000) tokens = 2000;
    b->last = now;
    if (tokens < 400) {
      b->tokens = tokens;
      continue;
    }
    b->tokens = tokens - 400;
    passed++;
  }
  return passed << 16 | (u32)b->tokens;
}
