#include "../common.h"
// counters that several CPUs may add to: 16 additions of 64 and of 32 bits
u64 wide[8];
u32 narrow[8];
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(352);
  u32 sum = 0;
  ROLLED for (int i = 0; i < 16; i++) {
    u32 at = data[320 + i] & 7;
    __sync_fetch_and_add(&wide[at], 100);
    __sync_fetch_and_add(&narrow[at], 1);
    sum = sum * 9 + at;
  }
  return sum;
}
