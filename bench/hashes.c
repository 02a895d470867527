#include "common.h"
// a hash over the five-tuple picks one of some servers
ALWAYS u32 rol(u32 x, int n) { return x << n | x >> (32 - n); }
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(42);
  u32 a = *(u32 *)(data + 26) + 0xdeadbeef, b = *(u32 *)(data + 30) + 0xdeadbeef, c = *(u32 *)(data + 34) + 0xdeadbeef;
  c ^= b; c -= rol(b, 14);
  a ^= c; a -= rol(c, 11);
  b ^= a; b -= rol(a, 25);
  c ^= b; c -= rol(b, 16);
  a ^= c; a -= rol(c, 4);
  b ^= a; b -= rol(a, 14);
  c ^= b; c -= rol(b, 24);
  u32 pick = c % 7;
  *(u32 *)(data + 30) = 0x0a000001 + (pick << 24);
  return pick + 2;
}
