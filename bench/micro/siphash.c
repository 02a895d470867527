#include "../common.h"
// siphash-2-4 of 48 bytes
#define ROL(x, n) ((x) << (n) | (x) >> (64 - (n)))
#define ROUND \
  v0 += v1; v1 = ROL(v1, 13) ^ v0; v0 = ROL(v0, 32); v2 += v3; v3 = ROL(v3, 16) ^ v2; \
  v0 += v3; v3 = ROL(v3, 21) ^ v0; v2 += v1; v1 = ROL(v1, 17) ^ v2; v2 = ROL(v2, 32);
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(368);
  u64 *words = (u64 *)(data + 320), k0 = 0x0706050403020100, k1 = 0x0f0e0d0c0b0a0908;
  u64 v0 = k0 ^ 0x736f6d6570736575, v1 = k1 ^ 0x646f72616e646f6d;
  u64 v2 = k0 ^ 0x6c7967656e657261, v3 = k1 ^ 0x7465646279746573;
  ROLLED for (int i = 0; i < 6; i++) {
    v3 ^= words[i];
    ROUND ROUND
    v0 ^= words[i];
  }
  v3 ^= 48ull << 56;
  ROUND ROUND
  v0 ^= 48ull << 56;
  v2 ^= 0xff;
  ROUND ROUND ROUND ROUND
  return (u32)(v0 ^ v1 ^ v2 ^ v3);
}
