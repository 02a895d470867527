#include "../common.h"
// murmur3 of 64 bytes, 32 bits
#define ROL(x, n) ((x) << (n) | (x) >> (32 - (n)))
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(122);
  u32 *words = (u32 *)(data + 58), hash = 42;
  ROLLED for (int i = 0; i < 16; i++) {
    u32 k = words[i] * 0xcc9e2d51;
    k = ROL(k, 15) * 0x1b873593;
    hash ^= k;
    hash = ROL(hash, 13) * 5 + 0xe6546b64;
  }
  hash ^= 64;
  hash = (hash ^ hash >> 16) * 0x85ebca6b;
  hash = (hash ^ hash >> 13) * 0xc2b2ae35;
  return hash ^ hash >> 16;
}
