#include "../common.h"
// compares pieces of the packet of 6, 16 and 40 bytes, which end equal
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(512);
  u8 copy[40];
  __builtin_memcpy(copy, data + 320, 40);
  u32 same = 0;
  ROLLED for (int i = 0; i < 4; i++) {
    same += !__builtin_memcmp(copy, data + 320 + (i & 2), 6);
    same += !__builtin_memcmp(copy + 8, data + 328 + (i & 1), 16);
    same += !__builtin_memcmp(copy, data + 320, 40);
    copy[39] ^= i;
  }
  return same;
}
