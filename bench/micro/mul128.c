#include "../common.h"
// products of 128 bits out of four products of 32 by 32
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  u64 *words = (u64 *)(data + 320), sum = 0;
  ROLLED for (int i = 0; i < 16; i++) {
    u64 a = words[i], b = words[i + 16];
    u64 al = (u32)a, ah = a >> 32, bl = (u32)b, bh = b >> 32;
    u64 low = al * bl, cross = ah * bl + (low >> 32), other = al * bh + (u32)cross;
    sum += ah * bh + (cross >> 32) + (other >> 32);
    sum ^= other << 32 | (u32)low;
  }
  return (u32)(sum >> 32 ^ sum);
}
