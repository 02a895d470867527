#include "../common.h"
// 32 rounds of xtea, the key's word picked by the sum
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(352);
  u32 key[4], a = *(u32 *)(data + 320), b = *(u32 *)(data + 324), sum = 0;
  for (int i = 0; i < 4; i++) key[i] = *(u32 *)(data + 336 + 4 * i);
  ROLLED for (int i = 0; i < 32; i++) {
    a += ((b << 4 ^ b >> 5) + b) ^ (sum + key[sum & 3]);
    sum += 0x9e3779b9;
    b += ((a << 4 ^ a >> 5) + a) ^ (sum + key[sum >> 11 & 3]);
  }
  return a ^ b;
}
