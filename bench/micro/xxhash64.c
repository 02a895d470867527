#include "../common.h"
// xxhash64 of 96 bytes: four lanes, rotations and products of 64 bits
#define P1 0x9e3779b185ebca87
#define P2 0xc2b2ae3d27d4eb4f
#define P3 0x165667b19e3779f9
#define P4 0x85ebca77c2b2ae63
#define ROL(x, n) ((x) << (n) | (x) >> (64 - (n)))
ALWAYS u64 round(u64 lane, u64 input) { return ROL(lane + input * P2, 31) * P1; }
ALWAYS u64 merge(u64 hash, u64 lane) { return (hash ^ round(0, lane)) * P1 + P4; }
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(416);
  u64 *words = (u64 *)(data + 320), a = P1 + P2, b = P2, c = 0, d = -P1;
  ROLLED for (int i = 0; i < 12; i += 4) {
    a = round(a, words[i]);
    b = round(b, words[i + 1]);
    c = round(c, words[i + 2]);
    d = round(d, words[i + 3]);
  }
  u64 hash = ROL(a, 1) + ROL(b, 7) + ROL(c, 12) + ROL(d, 18);
  hash = merge(merge(merge(merge(hash, a), b), c), d) + 96;
  hash = (hash ^ hash >> 33) * P2;
  hash = (hash ^ hash >> 29) * P3;
  return (u32)(hash ^ hash >> 32);
}
